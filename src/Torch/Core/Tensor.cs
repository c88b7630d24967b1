using System.Runtime.CompilerServices;
using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    /// <summary>An array of numbers of one type on one device.</summary>
    public unsafe partial class Tensor : IDisposable
    {
        TensorHandle handle;
        internal DisposeScope? scope;

        internal Tensor(TensorHandle handle)
        {
            this.handle = handle;
            scope = DisposeScopeManager.Current;
            scope?.Include(this);
        }

        /// <summary>Takes over another tensor's native reference; the other is empty afterwards.</summary>
        internal Tensor(Tensor other) : this(other.Take()) { }

        /// <summary>The native tensor, for a call during which this object is kept alive.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        internal IntPtr Native() => handle.Get();

        public IntPtr Handle => handle.Get();

        public bool IsInvalid => handle.IsInvalid || handle.IsClosed;

        TensorHandle Take()
        {
            var taken = handle;
            handle = new TensorHandle(IntPtr.Zero);
            scope?.Forget(this);
            scope = null;
            return taken;
        }

        /// <summary>A new object on the same native tensor.</summary>
        internal Tensor Share()
        {
            IntPtr shared;
            Interop.Native.Check(Interop.Native.tt_tensor_share(Native(), &shared));
            GC.KeepAlive(this);
            return new Tensor(new TensorHandle(shared));
        }

        public void Dispose()
        {
            Dispose(true);
            GC.SuppressFinalize(this);
        }

        protected virtual void Dispose(bool disposing)
        {
            if (!disposing) return;
            scope?.Forget(this);
            scope = null;
            handle.Dispose();
        }

        public Tensor DetachFromDisposeScope()
        {
            scope?.Forget(this);
            scope = null;
            return this;
        }

        public Tensor MoveToOuterDisposeScope() => MoveTo(scope?.OuterScope);

        public Tensor MoveToOtherDisposeScope(DisposeScope other) => MoveTo(other);

        public Tensor MoveToOtherDisposeScope(Tensor other) => MoveTo(other.scope);

        Tensor MoveTo(DisposeScope? target)
        {
            scope?.Forget(this);
            scope = target;
            target?.Include(this);
            return this;
        }

        NativeTensorInfo Info()
        {
            NativeTensorInfo info;
            Interop.Native.Check(Interop.Native.tt_tensor_info(Native(), &info));
            return info;
        }

        public long[] shape
        {
            get
            {
                var info = Info();
                var sizes = new ReadOnlySpan<long>(info.Sizes, info.Dimensions).ToArray();
                GC.KeepAlive(this);
                return sizes;
            }
        }

        public long[] size() => shape;

        public long size(int dim)
        {
            var info = Info();
            var size = info.Sizes[Wrap(dim, info.Dimensions)];
            GC.KeepAlive(this);
            return size;
        }

        public long stride(int dim)
        {
            var info = Info();
            var stride = info.Strides[Wrap(dim, info.Dimensions)];
            GC.KeepAlive(this);
            return stride;
        }

        public long[] stride()
        {
            var info = Info();
            var strides = new ReadOnlySpan<long>(info.Strides, info.Dimensions).ToArray();
            GC.KeepAlive(this);
            return strides;
        }

        static int Wrap(int dim, int dimensions) =>
            dim >= -dimensions && dim < dimensions ? (dim < 0 ? dim + dimensions : dim)
            : throw new ArgumentOutOfRangeException(nameof(dim), dim, $"a tensor of {dimensions} dimensions has none numbered {dim}");

        public long dim() => Info().Dimensions;
        public long ndim => Info().Dimensions;
        public long Dimensions => Info().Dimensions;
        public long numel() => Info().Elements;
        public long NumberOfElements => Info().Elements;
        public long element_size() => Info().ElementSize;
        public long ElementSize => Info().ElementSize;
        public ScalarType dtype => (ScalarType)Info().DType;

        public Device device
        {
            get
            {
                var info = Info();
                return new Device((DeviceType)info.DeviceType, info.DeviceIndex);
            }
        }

        public DeviceType device_type => (DeviceType)Info().DeviceType;
        public int device_index => Info().DeviceIndex;
        public bool is_cuda => device_type == DeviceType.CUDA;
        public bool is_cpu() => device_type == DeviceType.CPU;
        public bool is_meta => device_type == DeviceType.META;
        public bool is_leaf => Info().IsLeaf != 0;
        public bool is_contiguous() => Info().IsContiguous != 0;
        public bool is_floating_point() => dtype is ScalarType.Float16 or ScalarType.Float32 or ScalarType.Float64 or ScalarType.BFloat16;
        public bool is_complex() => dtype is ScalarType.ComplexFloat32 or ScalarType.ComplexFloat64;
        public bool is_integral() => dtype is ScalarType.Byte or ScalarType.Int8 or ScalarType.Int16 or ScalarType.Int32 or ScalarType.Int64 or ScalarType.Bool;

        public override bool Equals(object? obj) => obj is Tensor other && Equals(other);
        public bool Equals(Tensor target) => ReferenceEquals(this, target) || (!IsInvalid && !target.IsInvalid && Native() == target.Native());
        public override int GetHashCode() => IsInvalid ? 0 : Native().GetHashCode();
    }
}
