namespace TorchSharp;

public static partial class torch
{
    public static partial class nn
    {
        public partial class Module
        {
            protected internal virtual Module _to(Device device, ScalarType dtype, bool non_blocking) => Moved(dtype, device, non_blocking);

            protected internal virtual Module _to(DeviceType deviceType, int deviceIndex, bool non_blocking) => Moved(null, new Device(deviceType, deviceIndex), non_blocking);

            protected internal virtual Module _to(ScalarType dtype, bool non_blocking) => Moved(dtype, null, non_blocking);

            Module Moved(ScalarType? dtype, Device? device, bool non_blocking)
            {
                foreach (var (_, module) in OwnModules())
                    _ = (dtype, device) switch
                    {
                        ({ } type, { } place) => module._to(place, type, non_blocking),
                        ({ } type, null) => module._to(type, non_blocking),
                        (_, { } place) => module._to(place.type, place.index, non_blocking),
                        _ => module,
                    };
                _toEpilog(dtype, device, non_blocking);
                return this;
            }

            /// <summary>Moves what this very module holds. A type applies to the real numbers among it.</summary>
            protected virtual void _toEpilog(ScalarType? dtype, Device? device, bool non_blocking)
            {
                using var _ = no_grad();
                foreach (var (_, parameter) in OwnParameters())
                {
                    Move(parameter, dtype, device, non_blocking);
                    using var gradient = parameter.grad;
                    if (gradient is null || !Moves(gradient, dtype, device)) continue;
                    parameter.grad = null;
                    using var moved = Copy(gradient, dtype, device, non_blocking);
                    parameter.grad = moved;
                }
                foreach (var (_, buffer, _) in OwnBuffers()) Move(buffer, dtype, device, non_blocking);
            }

            static void Move(Tensor tensor, ScalarType? dtype, Device? device, bool non_blocking)
            {
                if (!Moves(tensor, dtype, device)) return;
                using var moved = Copy(tensor, dtype, device, non_blocking);
                tensor.SetData(moved);
            }

            static bool Moves(Tensor tensor, ScalarType? dtype, Device? device) =>
                Target(tensor, dtype) != tensor.dtype || (device is not null && !device.Equals(tensor.device));

            static ScalarType Target(Tensor tensor, ScalarType? dtype) =>
                dtype is { } wanted && (tensor.is_floating_point() || tensor.is_complex()) ? wanted : tensor.dtype;

            static Tensor Copy(Tensor tensor, ScalarType? dtype, Device? device, bool non_blocking)
            {
                using var detached = tensor.detach();
                return detached.to(Target(tensor, dtype), device ?? tensor.device, non_blocking: non_blocking);
            }
        }
    }
}
