using System.Runtime.InteropServices;
using TorchSharp.Interop;
using TorchSharp.Utils;

namespace TorchSharp;

public static partial class torch
{
    public unsafe partial class Tensor
    {
        static readonly Op to_op = Op.Find("aten::to", "dtype_layout");
        static readonly Op clone_op = Op.Find("aten::clone");
        static readonly Op copy_op = Op.Find("aten::copy_");
        static readonly Op alias_op = Op.Find("aten::alias");
        static readonly Op contiguous_op = Op.Find("aten::contiguous");

        /// <summary>The memory of a contiguous tensor on the CPU.</summary>
        internal void* DataPointer()
        {
            if (device_type != DeviceType.CPU)
                throw new InvalidOperationException("Reading data from a tensor that is not on the CPU: call cpu() first.");
            void* pointer;
            Interop.Native.Check(Interop.Native.tt_tensor_data(Native(), &pointer));
            return pointer;
        }

        /// <summary>The elements, in row-major order.</summary>
        public TensorAccessor<T> data<T>() where T : unmanaged
        {
            CheckElement<T>();
            return new TensorAccessor<T>(is_contiguous() ? this : contiguous());
        }

        public Span<byte> bytes
        {
            get
            {
                var info = Info();
                if (!is_contiguous()) throw new NotSupportedException("Bytes() called on non-contiguous tensor.");
                return new Span<byte>(DataPointer(), checked((int)(info.Elements * info.ElementSize)));
            }
            set
            {
                var target = bytes;
                if (value.Length > target.Length)
                    throw new ArgumentException($"{value.Length} bytes do not fit a tensor of {target.Length}.");
                value.CopyTo(target);
            }
        }

        public T item<T>() where T : unmanaged
        {
            var info = Info();
            if (info.Elements != 1)
                throw new ArgumentException($"The number of elements in the tensor must be 1, and is {info.Elements}.");
            CheckElement<T>();
            if (info.DeviceType == (int)DeviceType.CPU)
            {
                var value = *(T*)DataPointer();
                GC.KeepAlive(this);
                return value;
            }
            using var here = cpu();
            return *(T*)here.DataPointer();
        }

        void CheckElement<T>() where T : unmanaged
        {
            var fits = dtype switch
            {
                ScalarType.Byte => typeof(T) == typeof(byte),
                ScalarType.Int8 => typeof(T) == typeof(sbyte),
                ScalarType.Int16 => typeof(T) == typeof(short),
                ScalarType.Int32 => typeof(T) == typeof(int),
                ScalarType.Int64 => typeof(T) == typeof(long),
                ScalarType.Float16 => typeof(T) == typeof(Half),
                ScalarType.BFloat16 => typeof(T) == typeof(BFloat16),
                ScalarType.Float32 => typeof(T) == typeof(float),
                ScalarType.Float64 => typeof(T) == typeof(double),
                ScalarType.Bool => typeof(T) == typeof(bool),
                ScalarType.ComplexFloat64 => typeof(T) == typeof(System.Numerics.Complex),
                ScalarType.ComplexFloat32 => typeof(T) == typeof((float, float)),
                _ => false,
            };
            if (!fits) throw new ArgumentException($"A tensor of {dtype} has no elements of type {typeof(T).Name}.");
        }

        public Tensor contiguous() => contiguous_op.Call(this);
        public Tensor clone() => clone_op.Call(this);
        public Tensor alias() => alias_op.Call(this);
        public Tensor copy_(Tensor source, bool nonBlocking = false) => copy_op.CallInPlace(this, source, nonBlocking);

        Tensor Convert(ScalarType? type, Device? device, bool copy, bool disposeAfter, bool non_blocking)
        {
            // aten::to(self, *, dtype, layout, device, pin_memory, non_blocking, copy, memory_format)
            var result = to_op.Call(this, type, Value.None, device, Value.None, non_blocking, copy, Value.None);
            if (disposeAfter) Dispose();
            return result;
        }

        public Tensor to(ScalarType type, bool copy = false, bool disposeAfter = false, bool non_blocking = false) =>
            Convert(type, null, copy, disposeAfter, non_blocking);

        public Tensor to(Device device, bool copy = false, bool disposeAfter = false, bool non_blocking = false) =>
            Convert(null, device, copy, disposeAfter, non_blocking);

        public Tensor to(ScalarType type, Device device, bool copy = false, bool disposeAfter = false, bool non_blocking = false) =>
            Convert(type, device, copy, disposeAfter, non_blocking);

        public Tensor to(DeviceType deviceType, int deviceIndex = -1, bool copy = false, bool disposeAfter = false, bool non_blocking = false) =>
            Convert(null, new Device(deviceType, deviceIndex), copy, disposeAfter, non_blocking);

        public Tensor to(string device, bool copy = false, bool disposeAfter = false, bool non_blocking = false) =>
            Convert(null, new Device(device), copy, disposeAfter, non_blocking);

        public Tensor to(Tensor other, bool non_blocking = false) => Convert(other.dtype, other.device, false, false, non_blocking);

        public Tensor cpu() => Convert(null, CPU, false, false, false);

        public Tensor cuda(Device? device = null, bool non_blocking = false) =>
            Convert(null, device ?? CUDA, false, false, non_blocking);

        public Tensor type(ScalarType dtype) => to(dtype);
        public Tensor type(Func<Tensor, Tensor> typeFunc) => typeFunc(this);
        public Tensor @bool() => to(ScalarType.Bool);
        public Tensor @byte() => to(ScalarType.Byte);
        public Tensor @char() => to(ScalarType.Int8);
        public Tensor @short() => to(ScalarType.Int16);
        public Tensor @int() => to(ScalarType.Int32);
        public Tensor @long() => to(ScalarType.Int64);
        public Tensor half() => to(ScalarType.Float16);
        public Tensor bfloat16() => to(ScalarType.BFloat16);
        public Tensor @float() => to(ScalarType.Float32);
        public Tensor @double() => to(ScalarType.Float64);

        /// <summary>Replaces what this tensor holds; its identity and its place in an optimizer stay.</summary>
        internal void SetData(Tensor other)
        {
            Interop.Native.Check(Interop.Native.tt_tensor_set_data(Native(), other.Native()));
            GC.KeepAlive(this);
            GC.KeepAlive(other);
        }
    }

    /// <summary>A new CPU tensor with a copy of an array's elements, then moved or converted as asked.</summary>
    internal static unsafe Tensor FromMemory<T>(ReadOnlySpan<T> data, ScalarType type, ReadOnlySpan<long> dimensions, ScalarType? dtype, Device? device, bool requires_grad) where T : unmanaged
    {
        IntPtr made;
        fixed (T* pointer = data)
        fixed (long* sizes = dimensions)
            Native.Check(Native.tt_tensor_from_memory(pointer, (long)data.Length * sizeof(T), (int)type, sizes, dimensions.Length, &made));
        var tensor = new Tensor(new TensorHandle(made));
        device ??= get_default_device();
        if ((dtype is { } wanted && wanted != type) || device.type != DeviceType.CPU)
        {
            var converted = tensor.to(dtype ?? type, device);
            tensor.Dispose();
            tensor = converted;
        }
        return requires_grad ? tensor.requires_grad_() : tensor;
    }
}
