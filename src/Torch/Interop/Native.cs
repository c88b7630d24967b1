using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace TorchSharp.Interop;

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NativeStatus
{
    internal int Code;
    internal byte* Message;
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NativeTensorInfo
{
    internal int DType, DeviceType, DeviceIndex, Dimensions;
    internal long Elements;
    internal long* Sizes, Strides;
    internal int RequiresGrad, IsLeaf, IsContiguous, ElementSize;
}

/// <summary>The entry points of the shim. Each returns a status; <see cref="Check"/> turns it into an exception.</summary>
internal static unsafe class Native
{
    const string Library = NativeLibraryLoader.Name;

#pragma warning disable CA2255 // The resolver must be there before the first call, whoever makes it.
    [ModuleInitializer]
    internal static void Initialize() =>
        NativeLibrary.SetDllImportResolver(typeof(Native).Assembly, NativeLibraryLoader.Resolve);
#pragma warning restore CA2255

    /// <summary>Throws what a status tells, and frees its message.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Check(NativeStatus status)
    {
        if (status.Code != 0) Throw(status);
    }

    static void Throw(NativeStatus status)
    {
        var message = TakeText(status.Message) ?? "the native engine failed without a message";
        throw status.Code switch
        {
            2 => new OutOfMemoryException(message),
            3 => new MissingMethodException(message),
            _ => new ExternalException(message),
        };
    }

    /// <summary>The text behind a pointer that the shim gave, which is freed; null for none.</summary>
    internal static string? TakeText(byte* text)
    {
        if (text is null) return null;
        var copy = Marshal.PtrToStringUTF8((IntPtr)text);
        tt_free(text);
        return copy;
    }

    [DllImport(Library)] internal static extern void tt_free(void* memory);
    [DllImport(Library)] internal static extern long tt_live_handles();
    [DllImport(Library)] internal static extern int tt_abi_version();
    [DllImport(Library)] internal static extern NativeStatus tt_torch_version(byte** text);
    [DllImport(Library)] internal static extern NativeStatus tt_describe(int what, byte** text);
    [DllImport(Library)] internal static extern NativeStatus tt_blas_kernel(byte** text);
    [DllImport(Library)] internal static extern NativeStatus tt_threads(int set, int* count);
    [DllImport(Library)] internal static extern NativeStatus tt_own_memory();
    [DllImport(Library)] internal static extern NativeStatus tt_trim_memory();

    [DllImport(Library)] internal static extern NativeStatus tt_op_find(byte* name, byte* overload, IntPtr* op);
    [DllImport(Library)] internal static extern NativeStatus tt_op_call(IntPtr op, NativeValue* values, int count, NativeValue* results, int capacity, int* resultCount);
    [DllImport(Library)] internal static extern NativeStatus tt_op_schema(IntPtr op, byte** text);

    [DllImport(Library)] internal static extern NativeStatus tt_tensor_info(IntPtr tensor, NativeTensorInfo* info);
    [DllImport(Library)] internal static extern NativeStatus tt_tensor_release(IntPtr tensor);
    [DllImport(Library)] internal static extern NativeStatus tt_tensor_share(IntPtr tensor, IntPtr* result);
    [DllImport(Library)] internal static extern NativeStatus tt_tensor_from_memory(void* data, long bytes, int dtype, long* sizes, int dimensions, IntPtr* result);
    [DllImport(Library)] internal static extern NativeStatus tt_tensor_data(IntPtr tensor, void** data);
    [DllImport(Library)] internal static extern NativeStatus tt_tensor_set_data(IntPtr tensor, IntPtr other);

    [DllImport(Library)] internal static extern NativeStatus tt_grad_get(IntPtr tensor, IntPtr* gradient);
    [DllImport(Library)] internal static extern NativeStatus tt_grad_set(IntPtr tensor, IntPtr gradient);
    [DllImport(Library)] internal static extern NativeStatus tt_requires_grad_set(IntPtr tensor, int required);
    [DllImport(Library)] internal static extern NativeStatus tt_detach_(IntPtr tensor);
    [DllImport(Library)] internal static extern NativeStatus tt_grad_mode(int set, int* before);
    [DllImport(Library)] internal static extern NativeStatus tt_inference_mode_enter(int enabled, IntPtr* mode);
    [DllImport(Library)] internal static extern NativeStatus tt_inference_mode_leave(IntPtr mode);
    [DllImport(Library)] internal static extern int tt_inference_mode_is_enabled();
    [DllImport(Library)] internal static extern NativeStatus tt_backward(IntPtr* roots, IntPtr* gradients, int count, int retain, int create, IntPtr* inputs, int inputCount);
    [DllImport(Library)] internal static extern NativeStatus tt_gradients(IntPtr* roots, IntPtr* gradients, int count, int retain, int create, int allowUnused, IntPtr* inputs, int inputCount, IntPtr* results);
    [DllImport(Library)] internal static extern NativeStatus tt_accumulated_hook(IntPtr tensor, delegate* unmanaged<IntPtr, IntPtr, byte*> callback, delegate* unmanaged<IntPtr, void> release, IntPtr context, IntPtr* keepAlive);
    [DllImport(Library)] internal static extern NativeStatus tt_accumulated_hook_remove(IntPtr keepAlive);
    [DllImport(Library)] internal static extern NativeStatus tt_function(IntPtr* inputs, int inputCount, IntPtr* outputs, int outputCount, delegate* unmanaged<IntPtr, IntPtr*, int, IntPtr*, int, byte*> backward, delegate* unmanaged<IntPtr, void> release, IntPtr context);

    [DllImport(Library)] internal static extern NativeStatus tt_autocast(int deviceType, int enable, int dtype, int* wasEnabled, int* wasDType);
    [DllImport(Library)] internal static extern NativeStatus tt_autocast_nesting(int change, int* depth);
    [DllImport(Library)] internal static extern NativeStatus tt_generator_default(long device, IntPtr* generator);
    [DllImport(Library)] internal static extern NativeStatus tt_generator_new(long device, ulong seed, IntPtr* generator);
    [DllImport(Library)] internal static extern NativeStatus tt_generator_release(IntPtr generator);
    [DllImport(Library)] internal static extern NativeStatus tt_generator_seed(IntPtr generator, int set, ulong* seed);
    [DllImport(Library)] internal static extern NativeStatus tt_generator_get_state(IntPtr generator, IntPtr* state);
    [DllImport(Library)] internal static extern NativeStatus tt_generator_set_state(IntPtr generator, IntPtr state);
    [DllImport(Library)] internal static extern NativeStatus tt_manual_seed(ulong seed);
    [DllImport(Library)] internal static extern NativeStatus tt_cuda_devices(int* count);
    [DllImport(Library)] internal static extern NativeStatus tt_cuda_synchronize(int index);
    [DllImport(Library)] internal static extern NativeStatus tt_context_flag(int flag, int set, int* before);
}
