using static TorchSharp.torch;

namespace Transformers.Native;

/// <summary>Calls operators of libtorch that TorchSharp does not have, through libtorch's stable C interface.</summary>
/// <remarks>
/// Arguments go on a stack of 64-bit values. The callee owns every handle on it, so a tensor is passed as a new handle of
/// the same tensor, and results are handles that the caller owns. A present optional value is a pointer to its value,
/// which libtorch deletes: it is allocated as C++'s <c>new</c> does, by the C library's malloc. libtorch 2.10 prints its own
/// trace to standard error when an operator fails and returns no message, so the typed calls in
/// <see cref="Operators"/> check their arguments first. Arguments of schema type Scalar are not supported by 2.10, and strings are left out
/// because their handles leaked.
/// </remarks>
static unsafe class Dispatcher
{
    // The libtorch that this was written for; newer ones keep its interface.
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
        for (var i = 0; i < arguments.Length; i++) stack[i] = arguments[i].ToStack(library);
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
            // Only libtorch 2.13 and later report the reason.
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

/// <summary>An argument of an operator: a value of one of the kinds that libtorch's stable C interface takes.</summary>
readonly struct OperatorArgument
{
    enum Kind { Absent, Tensor, Tensors, Integer, Integers, Real, Truth }

    readonly Kind kind;
    readonly bool optional;
    readonly object? value;
    readonly ulong bits;

    OperatorArgument(Kind kind, object? value, ulong bits = 0, bool optional = false) => (this.kind, this.value, this.bits, this.optional) = (kind, value, bits, optional);

    public static OperatorArgument None => default;

    // An optional argument; null becomes none.
    public static OperatorArgument Optional(Tensor? tensor) => tensor is null ? None : new(Kind.Tensor, tensor, optional: true);

    public static implicit operator OperatorArgument(Tensor tensor) => new(Kind.Tensor, tensor);
    public static implicit operator OperatorArgument(Tensor[] tensors) => new(Kind.Tensors, tensors);
    public static implicit operator OperatorArgument(long[] numbers) => new(Kind.Integers, numbers);
    public static implicit operator OperatorArgument(double number) => new(Kind.Real, null, BitConverter.DoubleToUInt64Bits(number));
    public static implicit operator OperatorArgument(long number) => new(Kind.Integer, null, (ulong)number);
    public static implicit operator OperatorArgument(bool truth) => new(Kind.Truth, null, truth ? 1u : 0u);

    /// <summary>The value as it goes on the stack; the callee owns it from then on.</summary>
    internal ulong ToStack(Dispatcher.Functions library)
    {
        var placed = kind switch
        {
            Kind.Tensor => library.Handle((Tensor)value!),
            Kind.Tensors => library.List(Array.ConvertAll((Tensor[])value!, library.Handle)),
            Kind.Integers => library.List(Array.ConvertAll((long[])value!, number => (ulong)number)),
            _ => bits,
        };
        return optional ? Dispatcher.Functions.Boxed(placed) : placed;
    }

    internal void KeepAlive() => GC.KeepAlive(value);

    /// <summary>Kind, type and shape, for error messages.</summary>
    public override string ToString() => kind switch
    {
        Kind.Absent => "none",
        Kind.Tensor => Describe((Tensor)value!),
        Kind.Tensors => $"tensors [{string.Join(", ", ((Tensor[])value!).Take(4).Select(Describe))}{(((Tensor[])value!).Length > 4 ? $", … {((Tensor[])value!).Length} in all" : "")}]",
        Kind.Integer => FormattableString.Invariant($"int {(long)bits}"),
        Kind.Integers => $"ints [{string.Join(", ", (long[])value!)}]",
        Kind.Real => string.Create(CultureInfo.InvariantCulture, $"float {BitConverter.UInt64BitsToDouble(bits)}"),
        _ => bits != 0 ? "bool true" : "bool false",
    };

    static string Describe(Tensor tensor) => $"{tensor.dtype} [{string.Join(", ", tensor.shape)}] on {tensor.device}";
}

/// <summary>Operators of libtorch that TorchSharp does not have, with their arguments checked before the call.</summary>
public static class Operators
{
    /// <summary>Attention without the matrix of weights in memory, wherever libtorch has a kernel for it.</summary>
    /// <param name="q">[B, H, T, E].</param>
    /// <param name="k">[B, K, S, E], K dividing H.</param>
    /// <param name="v">[B, K, S, E].</param>
    /// <param name="mask">Added to the scores, of q's type; broadcasts to [B, H, T, S]. Not together with <paramref name="causal"/>.</param>
    /// <param name="causal">Whether a query sees no key after its own position, counted from the first query.</param>
    /// <param name="dropout">The rate at which weights are dropped; libtorch draws from the device's generator.</param>
    /// <returns>[B, H, T, E].</returns>
    /// <exception cref="ArgumentException">Shapes or types do not match.</exception>
    public static Tensor ScaledDotProductAttention(Tensor q, Tensor k, Tensor v, Tensor? mask, bool causal, double dropout)
    {
        if (q.dim() != 4 || k.dim() != 4 || v.dim() != 4) throw new ArgumentException("queries, keys and values must be [B, heads, positions, E]");
        if (q.dtype != k.dtype || q.dtype != v.dtype) throw new ArgumentException($"queries, keys and values must have one type, not {q.dtype}, {k.dtype} and {v.dtype}");
        if (mask is not null && causal) throw new ArgumentException("a mask and causality cannot be combined");
        var (H, K) = (q.size(1), k.size(1));
        if (K == 0 || H % K != 0 || v.size(1) != K || k.size(2) != v.size(2) || q.size(3) != k.size(3) || q.size(0) != k.size(0) || q.size(0) != v.size(0))
            throw new ArgumentException($"queries [{string.Join(", ", q.shape)}] do not fit keys [{string.Join(", ", k.shape)}] and values [{string.Join(", ", v.shape)}]");
        return Dispatcher.Call("aten::scaled_dot_product_attention", "", 1, q, k, v, OperatorArgument.Optional(mask), dropout, causal, OperatorArgument.None, H != K)[0];
    }

    /// <summary>One step of AdamW over lists of tensors in one call.</summary>
    /// <param name="parameters">Changed in place.</param>
    /// <param name="gradients">Of the parameters' shapes.</param>
    /// <param name="first">First moments, changed in place.</param>
    /// <param name="second">Second moments, changed in place.</param>
    /// <param name="steps">The step of each parameter, counted from 1, as scalars in 32 bits.</param>
    /// <param name="lr">The learning rate.</param>
    /// <param name="betas">The decays of the moments.</param>
    /// <param name="decay">The weight decay.</param>
    /// <param name="epsilon">Added to the root of the second moment.</param>
    /// <param name="divisor">The divisor of the gradients, a scalar on their device; null for 1.</param>
    /// <param name="skip">A scalar on their device; if it is not 0, nothing changes. Null for never.</param>
    /// <param name="decoupled">Whether weight decay acts on the parameter (AdamW) and not through the gradient (Adam).</param>
    /// <exception cref="ArgumentException">The lists do not match.</exception>
    public static void FusedAdam(Tensor[] parameters, Tensor[] gradients, Tensor[] first, Tensor[] second, Tensor[] steps,
        double lr, (double First, double Second) betas, double decay, double epsilon, Tensor? divisor, Tensor? skip, bool decoupled)
    {
        if (parameters.Length == 0) return;
        Tensor[][] lists = [gradients, first, second];
        foreach (var list in lists)
            if (list.Length != parameters.Length || list.Where((tensor, i) => !tensor.shape.SequenceEqual(parameters[i].shape)).Any())
                throw new ArgumentException("gradients and moments must have the parameters' shapes");
        if (steps.Length != parameters.Length) throw new ArgumentException("every parameter needs its step");
        Dispatcher.Call(decoupled ? "aten::_fused_adamw_" : "aten::_fused_adam_", "", 0, parameters, gradients, first, second, Array.Empty<Tensor>(), steps,
            lr, betas.First, betas.Second, decay, epsilon, false, false, OperatorArgument.Optional(divisor), OperatorArgument.Optional(skip));
    }

    /// <summary>Copies tensors into others of the same shapes in one call, converting their types.</summary>
    /// <exception cref="ArgumentException">The lists do not match.</exception>
    public static void CopyAll(Tensor[] to, Tensor[] from)
    {
        if (to.Length == 0 && from.Length == 0) return;
        if (to.Length != from.Length || to.Where((tensor, i) => !tensor.shape.SequenceEqual(from[i].shape)).Any())
            throw new ArgumentException("both lists must have the same shapes");
        Dispatcher.Call("aten::_foreach_copy_", "", 0, to, from, false);
    }
}
