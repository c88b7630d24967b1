using System.Runtime.CompilerServices;
using System.Text;

namespace TorchSharp.Interop;

/// <summary>One operator of libtorch, or of our own, called through its schema.</summary>
/// <remarks>The operator is looked up at its first call; missing trailing arguments take the schema's defaults.</remarks>
[SkipLocalsInit]
internal sealed unsafe class Op
{
    const int MostResults = 8;
    const int StackBytes = 2048;

    readonly string name;
    readonly string overload;
    IntPtr handle;

    Op(string name, string overload)
    {
        this.name = name;
        this.overload = overload;
    }

    /// <summary>An operator by its name, such as <c>aten::add</c>, and overload, such as <c>Tensor</c>.</summary>
    internal static Op Find(string name, string overload = "") => new(name, overload);

    /// <summary>Whether this libtorch has the operator.</summary>
    internal bool Exists
    {
        get
        {
            try
            {
                return Handle() != IntPtr.Zero;
            }
            catch (MissingMethodException)
            {
                return false;
            }
        }
    }

    /// <summary>Calls the operator and returns its first result, a tensor.</summary>
    internal torch.Tensor Call(params ReadOnlySpan<Value> arguments)
    {
        var results = stackalloc NativeValue[MostResults];
        var count = Invoke(arguments, results, MostResults);
        for (var i = 1; i < count; i++) Drop(results[i]);
        return count > 0 && results[0].Tag == (int)ValueTag.Tensor
            ? new torch.Tensor(new TensorHandle((IntPtr)results[0].Bits))
            : throw new InvalidOperationException($"{this} returned no tensor.");
    }

    /// <summary>Calls an operator that changes its first argument, and returns that argument itself.</summary>
    internal torch.Tensor CallInPlace(torch.Tensor self, params ReadOnlySpan<Value> rest)
    {
        var arguments = new ValueBuffer();
        arguments[0] = self;
        for (var i = 0; i < rest.Length; i++) arguments[i + 1] = rest[i];
        CallVoid(((ReadOnlySpan<Value>)arguments)[..(rest.Length + 1)]);
        return self;
    }

    /// <summary>Calls the operator and returns all its tensors; an undefined one is null.</summary>
    internal torch.Tensor[] CallMany(params ReadOnlySpan<Value> arguments)
    {
        const int most = 1024;
        var results = stackalloc NativeValue[most];
        var count = Invoke(arguments, results, most);
        var tensors = new torch.Tensor[count];
        for (var i = 0; i < count; i++)
            tensors[i] = results[i].Tag == (int)ValueTag.Tensor && results[i].Bits != 0
                ? new torch.Tensor(new TensorHandle((IntPtr)results[i].Bits)) : null!;
        return tensors;
    }

    internal void CallVoid(params ReadOnlySpan<Value> arguments)
    {
        const int most = 1024;
        var results = stackalloc NativeValue[most];
        var count = Invoke(arguments, results, most);
        for (var i = 0; i < count; i++) Drop(results[i]);
    }

    internal long CallInt(params ReadOnlySpan<Value> arguments)
    {
        var results = stackalloc NativeValue[MostResults];
        Invoke(arguments, results, MostResults);
        return results[0].Bits;
    }

    internal double CallDouble(params ReadOnlySpan<Value> arguments) => BitConverter.Int64BitsToDouble(CallInt(arguments));

    internal bool CallBool(params ReadOnlySpan<Value> arguments) => CallInt(arguments) != 0;

    /// <inheritdoc/>
    public override string ToString() => overload.Length == 0 ? name : $"{name}.{overload}";

    static void Drop(NativeValue value)
    {
        if (value.Tag == (int)ValueTag.Tensor && value.Bits != 0) Native.Check(Native.tt_tensor_release((IntPtr)value.Bits));
    }

    int Invoke(ReadOnlySpan<Value> arguments, NativeValue* results, int capacity)
    {
        var op = handle != IntPtr.Zero ? handle : Handle();
        var natives = stackalloc NativeValue[arguments.Length];
        var listBytes = ListBytes(arguments);
        byte* lists = null;
        if (listBytes > 0)
        {
            var onStack = stackalloc byte[listBytes <= StackBytes ? listBytes : 0];
            lists = listBytes <= StackBytes ? onStack : (byte*)System.Runtime.InteropServices.NativeMemory.Alloc((nuint)listBytes);
        }
        try
        {
            LayOut(arguments, natives, lists);
            int count;
            Native.Check(Native.tt_op_call(op, natives, arguments.Length, results, capacity, &count));
            return count;
        }
        finally
        {
            if (listBytes > StackBytes) System.Runtime.InteropServices.NativeMemory.Free(lists);
            // The handles were read out of their owners, which must outlive the call.
            foreach (ref readonly var argument in arguments) GC.KeepAlive(argument.Reference);
        }
    }

    static int ListBytes(ReadOnlySpan<Value> arguments)
    {
        var bytes = 0;
        foreach (ref readonly var argument in arguments)
            bytes += argument.Tag switch
            {
                ValueTag.IntList or ValueTag.DoubleList or ValueTag.TensorList => 8 * (int)argument.Bits,
                ValueTag.BoolList => ((int)argument.Bits + 7) & ~7,
                ValueTag.String => (Encoding.UTF8.GetMaxByteCount(((string)argument.Reference!).Length) + 7) & ~7,
                _ => 0,
            };
        return bytes;
    }

    static void LayOut(ReadOnlySpan<Value> arguments, NativeValue* natives, byte* lists)
    {
        for (var i = 0; i < arguments.Length; i++)
        {
            ref readonly var argument = ref arguments[i];
            ref var native = ref natives[i];
            native.Tag = (int)argument.Tag;
            native.Count = 0;
            native.Bits = argument.Bits;
            switch (argument.Tag)
            {
                case ValueTag.Tensor:
                    native.Bits = Unsafe.As<torch.Tensor>(argument.Reference!).Native();
                    break;
                case ValueTag.Generator:
                    native.Bits = Unsafe.As<torch.Generator>(argument.Reference!).Handle;
                    break;
                case ValueTag.IntList:
                    Point(ref native, ref lists, argument.Bits, 8 * argument.Bits);
                    ((long[])argument.Reference!).CopyTo(new Span<long>((void*)native.Bits, native.Count));
                    break;
                case ValueTag.DoubleList:
                    Point(ref native, ref lists, argument.Bits, 8 * argument.Bits);
                    ((double[])argument.Reference!).CopyTo(new Span<double>((void*)native.Bits, native.Count));
                    break;
                case ValueTag.BoolList:
                    Point(ref native, ref lists, argument.Bits, (argument.Bits + 7) & ~7);
                    ((bool[])argument.Reference!).CopyTo(new Span<bool>((void*)native.Bits, native.Count));
                    break;
                case ValueTag.TensorList:
                    Point(ref native, ref lists, argument.Bits, 8 * argument.Bits);
                    var tensors = (torch.Tensor?[])argument.Reference!;
                    for (var t = 0; t < tensors.Length; t++) ((IntPtr*)native.Bits)[t] = tensors[t]?.Native() ?? IntPtr.Zero;
                    break;
                case ValueTag.String:
                    var text = (string)argument.Reference!;
                    var room = Encoding.UTF8.GetMaxByteCount(text.Length);
                    Point(ref native, ref lists, 0, (room + 7) & ~7);
                    native.Count = Encoding.UTF8.GetBytes(text, new Span<byte>((void*)native.Bits, room));
                    break;
            }
        }
    }

    static void Point(ref NativeValue native, ref byte* lists, long count, long bytes)
    {
        native.Count = (int)count;
        native.Bits = (long)lists;
        lists += bytes;
    }

    IntPtr Handle()
    {
        if (handle != IntPtr.Zero) return handle;
        IntPtr found;
        fixed (byte* nameBytes = Encoding.UTF8.GetBytes(name + "\0"))
        fixed (byte* overloadBytes = Encoding.UTF8.GetBytes(overload + "\0"))
            Native.Check(Native.tt_op_find(nameBytes, overloadBytes, &found));
        return handle = found;
    }

    [InlineArray(24)]
    struct ValueBuffer
    {
#pragma warning disable IDE0044, CS0169 // the element that InlineArray repeats
        Value first;
#pragma warning restore IDE0044, CS0169
    }
}
