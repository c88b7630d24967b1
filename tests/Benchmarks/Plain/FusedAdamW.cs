using System.Runtime.InteropServices;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace PlainTorchSharp;

/// <summary>AdamW in one operator over all parameters, <c>_fused_adamw_</c>, which TorchSharp has no method for: it is called through libtorch's C interface.</summary>
sealed unsafe partial class FusedAdamW(IReadOnlyList<Parameter> parameters, double decay)
{
    // The libtorch whose conventions the calls follow: 2.10.
    const ulong Version = 0x020A_0000_0000_0000;

    readonly Tensor[] first = [.. parameters.Select(parameter => zeros_like(parameter).detach())];
    readonly Tensor[] second = [.. parameters.Select(parameter => zeros_like(parameter).detach())];
    readonly Tensor count = zeros([], dtype: ScalarType.Float32);

    /// <summary>Changes the parameters by their gradients.</summary>
    internal void Step()
    {
        using var plain = no_grad();
        count.add_(1);
        // Parameters, gradients, moments, largest second moments (none), steps; lr, beta1, beta2, decay, epsilon; amsgrad, maximize; scale and flag (absent).
        ulong* stack = stackalloc ulong[15]
        {
            List(parameters), List([.. parameters.Select(parameter => parameter.grad!)]), List(first), List(second), List([]), List([.. parameters.Select(_ => count)]),
            Real(1e-3), Real(0.9), Real(0.99), Real(decay), Real(1e-8), 0, 0, 0, 0,
        };
        Check(torch_call_dispatcher("aten::_fused_adamw_", "", stack, Version));
    }

    static ulong Real(double value) => BitConverter.DoubleToUInt64Bits(value);

    // The callee owns the list and the handles in it, so each tensor goes in by a handle of its own.
    static ulong List(IReadOnlyList<Tensor> tensors)
    {
        Check(torch_new_list_reserve_size((nuint)tensors.Count, out var list));
        foreach (var tensor in tensors)
        {
            Check(aoti_torch_new_tensor_handle(tensor.Handle, out var handle));
            Check(torch_list_push_back(list, (ulong)handle));
        }
        return (ulong)list;
    }

    static void Check(int code)
    {
        if (code != 0) throw new InvalidOperationException("libtorch refused a call of its C interface");
    }

    [LibraryImport("torch_cpu", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int torch_call_dispatcher(string name, string overload, ulong* stack, ulong version);

    [LibraryImport("torch_cpu")]
    private static partial int torch_new_list_reserve_size(nuint size, out IntPtr list);

    [LibraryImport("torch_cpu")]
    private static partial int torch_list_push_back(IntPtr list, ulong value);

    [LibraryImport("torch_cpu")]
    private static partial int aoti_torch_new_tensor_handle(IntPtr tensor, out IntPtr handle);
}
