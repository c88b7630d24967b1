using System.Globalization;
using TorchSharp;
using static TorchSharp.torch;

namespace Transformers.Native;

/// <summary>An argument of an operator: a value of one of the kinds that libtorch's stable C interface takes.</summary>
public readonly struct OperatorArgument
{
    enum Kind { Absent, Tensor, Tensors, Integer, Integers, Real, Truth }

    readonly Kind kind;
    readonly bool optional;
    readonly object? value;
    readonly ulong bits;

    OperatorArgument(Kind kind, object? value, ulong bits = 0, bool optional = false) => (this.kind, this.value, this.bits, this.optional) = (kind, value, bits, optional);

    /// <summary>An optional argument that is left out.</summary>
    public static OperatorArgument None => default;

    /// <summary>An optional argument that is given; left out where the tensor is null.</summary>
    public static OperatorArgument Optional(Tensor? tensor) => tensor is null ? None : new(Kind.Tensor, tensor, optional: true);

    /// <summary>An optional number; left out where it is null.</summary>
    public static OperatorArgument Optional(double? number) => number is not { } some ? None : new(Kind.Real, null, BitConverter.DoubleToUInt64Bits(some), optional: true);

    /// <summary>An optional whole number; left out where it is null.</summary>
    public static OperatorArgument Optional(long? number) => number is not { } some ? None : new(Kind.Integer, null, (ulong)some, optional: true);

    /// <summary>An optional truth value; left out where it is null.</summary>
    public static OperatorArgument Optional(bool? truth) => truth is not { } some ? None : new(Kind.Truth, null, some ? 1u : 0u, optional: true);

    /// <summary>A tensor.</summary>
    public static implicit operator OperatorArgument(Tensor tensor) => new(Kind.Tensor, tensor);
    /// <summary>A list of tensors.</summary>
    public static implicit operator OperatorArgument(Tensor[] tensors) => new(Kind.Tensors, tensors);
    /// <summary>A list of whole numbers.</summary>
    public static implicit operator OperatorArgument(long[] numbers) => new(Kind.Integers, numbers);
    /// <summary>A number.</summary>
    public static implicit operator OperatorArgument(double number) => new(Kind.Real, null, BitConverter.DoubleToUInt64Bits(number));
    /// <summary>A whole number.</summary>
    public static implicit operator OperatorArgument(long number) => new(Kind.Integer, null, (ulong)number);
    /// <summary>A truth value.</summary>
    public static implicit operator OperatorArgument(bool truth) => new(Kind.Truth, null, truth ? 1u : 0u);

    /// <summary>The value as it goes on the stack; the callee takes it over.</summary>
    internal ulong Place(Dispatcher.Functions library)
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
