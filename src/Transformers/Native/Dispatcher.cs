using System.Runtime.InteropServices;
using TorchSharp;
using Transformers.IO;
using static TorchSharp.torch;

namespace Transformers.Native;

/// <summary>Calls operators of libtorch that TorchSharp does not have, through libtorch's stable C interface.</summary>
/// <remarks>
/// Arguments go on a stack of 64-bit values. The callee takes over every handle on it, so a tensor goes in as a new handle of
/// the same tensor, and results come back as handles that the caller owns. A present optional value is a pointer to its value,
/// which libtorch deletes: it is allocated as C++'s <c>new</c> does, by the C library's malloc. libtorch 2.10 prints its own
/// trace to standard error when an operator fails and hands no message back, so the typed calls in
/// <see cref="Operators"/> check their arguments before. Arguments of schema type Scalar are not supported by 2.10, and strings are left out: their handles stayed behind.
/// </remarks>
public static unsafe class Dispatcher
{
    // The libtorch that this was written for; a newer one keeps to what that one promised.
    const ulong InterfaceVersion = 0x020A_0000_0000_0000;
    const int MostArguments = 24;

    static readonly Lazy<Functions> functions = new(() => new Functions(NativeLibraries.Load().Torch));

    /// <summary>Calls an operator.</summary>
    /// <param name="name">Its name, for instance <c>aten::_fused_adamw_</c>.</param>
    /// <param name="overload">Its overload; empty for the one without a name.</param>
    /// <param name="results">How many tensors it returns.</param>
    /// <param name="arguments">All its arguments, in the order of its schema.</param>
    /// <exception cref="OperatorException">libtorch refused the call.</exception>
    public static Tensor[] Call(string name, string overload, int results, params ReadOnlySpan<OperatorArgument> arguments)
    {
        if (Math.Max(arguments.Length, results) > MostArguments) throw new ArgumentException($"{name} has more than {MostArguments} arguments");
        var library = functions.Value;
        var stack = stackalloc ulong[MostArguments];
        for (var i = 0; i < arguments.Length; i++) stack[i] = arguments[i].Place(library);
        var failed = library.Call(name, overload, stack);
        foreach (var argument in arguments) argument.KeepAlive();
        if (failed) throw new OperatorException(Describe(name, overload, arguments, library.LastMessage()));
        var tensors = new Tensor[results];
        for (var i = 0; i < results; i++) tensors[i] = Tensor.UnsafeCreateTensor((IntPtr)stack[i]);
        return tensors;
    }

    static string Describe(string name, string overload, ReadOnlySpan<OperatorArgument> arguments, string? message)
    {
        var described = new string[arguments.Length];
        for (var i = 0; i < described.Length; i++) described[i] = arguments[i].ToString();
        var called = overload.Length == 0 ? name : $"{name}.{overload}";
        return $"libtorch refused {called}({string.Join(", ", described)})" + (message is null ? "" : $": {message}");
    }

    /// <summary>libtorch's address of a tensor's first element.</summary>
    /// <remarks>The tensor must be kept alive while the address is in use.</remarks>
    public static IntPtr DataPointer(Tensor tensor) => functions.Value.DataPointer(tensor);

    /// <summary>The functions of the stable interface.</summary>
    internal sealed class Functions
    {
        readonly delegate* unmanaged<byte*, byte*, ulong*, ulong, int> call;
        readonly delegate* unmanaged<IntPtr, IntPtr*, int> newHandle, dataPointer;
        readonly delegate* unmanaged<nuint, IntPtr*, int> newList;
        readonly delegate* unmanaged<IntPtr, ulong, int> push;
        readonly delegate* unmanaged<byte*> message;

        internal Functions(IntPtr torch)
        {
            call = (delegate* unmanaged<byte*, byte*, ulong*, ulong, int>)Export(torch, "torch_call_dispatcher");
            newHandle = (delegate* unmanaged<IntPtr, IntPtr*, int>)Export(torch, "aoti_torch_new_tensor_handle");
            dataPointer = (delegate* unmanaged<IntPtr, IntPtr*, int>)Export(torch, "aoti_torch_get_data_ptr");
            newList = (delegate* unmanaged<nuint, IntPtr*, int>)Export(torch, "torch_new_list_reserve_size");
            push = (delegate* unmanaged<IntPtr, ulong, int>)Export(torch, "torch_list_push_back");
            // Only libtorch 2.13 and later hand back what went wrong.
            if (NativeLibrary.TryGetExport(torch, "torch_exception_get_what_without_backtrace", out var address)) message = (delegate* unmanaged<byte*>)address;
        }

        static IntPtr Export(IntPtr torch, string name) => NativeLibrary.TryGetExport(torch, name, out var address) ? address
            : throw new UserException($"this libtorch ({NativeLibraries.Loaded?.Version}) has no {name}", $"use libtorch {TorchCandidate.Oldest} or later");

        internal bool Call(string name, string overload, ulong* stack)
        {
            var (names, overloads) = (Marshal.StringToCoTaskMemUTF8(name), Marshal.StringToCoTaskMemUTF8(overload));
            try
            {
                return call((byte*)names, (byte*)overloads, stack, InterfaceVersion) != 0;
            }
            finally
            {
                Marshal.FreeCoTaskMem(names);
                Marshal.FreeCoTaskMem(overloads);
            }
        }

        internal ulong Handle(Tensor tensor)
        {
            IntPtr handle;
            Check(newHandle(tensor.Handle, &handle));
            return (ulong)handle;
        }

        internal IntPtr DataPointer(Tensor tensor)
        {
            IntPtr address;
            Check(dataPointer(tensor.Handle, &address));
            return address;
        }

        internal ulong List(ReadOnlySpan<ulong> values)
        {
            IntPtr list;
            Check(newList((nuint)values.Length, &list));
            foreach (var value in values) Check(push(list, value));
            return (ulong)list;
        }

        /// <summary>A value on the heap, for a present optional.</summary>
        internal static ulong Boxed(ulong value)
        {
            var box = (ulong*)NativeMemory.Alloc(sizeof(ulong));
            *box = value;
            return (ulong)box;
        }

        internal string? LastMessage() => message is null ? null : Marshal.PtrToStringUTF8((IntPtr)message());

        static void Check(int code)
        {
            if (code != 0) throw new OperatorException("libtorch's C interface refused a value");
        }
    }
}

/// <summary>libtorch refused a call of an operator.</summary>
public sealed class OperatorException(string message) : InvalidOperationException(message);
