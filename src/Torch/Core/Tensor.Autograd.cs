using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public unsafe partial class Tensor
    {
        static readonly Op detach_op = Op.Find("aten::detach");
        static readonly Op retain_grad_op = Op.Find("aten::retain_grad");

        public bool requires_grad
        {
            get => Info().RequiresGrad != 0;
            set
            {
                Interop.Native.Check(Interop.Native.tt_requires_grad_set(Native(), value ? 1 : 0));
                GC.KeepAlive(this);
            }
        }

        public Tensor requires_grad_(bool requires_grad = true)
        {
            this.requires_grad = requires_grad;
            return this;
        }

        public Tensor with_requires_grad(bool requires_grad = true) => requires_grad_(requires_grad);

        public void retain_grad() => retain_grad_op.CallVoid(this);

        /// <summary>The accumulated gradient, or null.</summary>
        public Tensor? grad
        {
            get
            {
                IntPtr gradient;
                Interop.Native.Check(Interop.Native.tt_grad_get(Native(), &gradient));
                GC.KeepAlive(this);
                return gradient == IntPtr.Zero ? null : new Tensor(new TensorHandle(gradient));
            }
            set
            {
                Interop.Native.Check(Interop.Native.tt_grad_set(Native(), value?.Native() ?? IntPtr.Zero));
                GC.KeepAlive(this);
                GC.KeepAlive(value);
            }
        }

        public Tensor detach() => detach_op.Call(this);

        public Tensor detach_()
        {
            Interop.Native.Check(Interop.Native.tt_detach_(Native()));
            return this;
        }

        public void backward() => autograd.backward([this]);

        public void backward(IList<Tensor>? grad_tensors = null, bool retain_graph = false, bool create_graph = false, IList<Tensor>? inputs = null) =>
            autograd.backward([this], grad_tensors, retain_graph, create_graph, inputs);
    }

    public static unsafe class autograd
    {
        public static void backward(IList<Tensor> tensors, IList<Tensor>? grad_tensors = null, bool? retain_graph = null, bool create_graph = false, IList<Tensor>? inputs = null)
        {
            var roots = Pointers(tensors);
            var gradients = Pointers(grad_tensors ?? []);
            var leaves = Pointers(inputs ?? []);
            fixed (IntPtr* r = roots, g = gradients, i = leaves)
                Native.Check(Native.tt_backward(r, grad_tensors is null ? null : g, roots.Length,
                    (retain_graph ?? create_graph) ? 1 : 0, create_graph ? 1 : 0, i, leaves.Length));
            GC.KeepAlive(tensors);
            GC.KeepAlive(grad_tensors);
            GC.KeepAlive(inputs);
        }

        public static void backward(Tensor tensor, IList<Tensor>? grad_tensors = null, bool? retain_graph = null, bool create_graph = false, IList<Tensor>? inputs = null) =>
            backward([tensor], grad_tensors, retain_graph, create_graph, inputs);

        public static void backward(Tensor tensor, Tensor grad_tensor, bool? retain_graph = null, bool create_graph = false, IList<Tensor>? inputs = null) =>
            backward([tensor], [grad_tensor], retain_graph, create_graph, inputs);

        public static IList<Tensor> grad(IList<Tensor> outputs, IList<Tensor> inputs, IList<Tensor>? grad_outputs = null, bool retain_graph = false, bool create_graph = false, bool allow_unused = false)
        {
            var roots = Pointers(outputs);
            var gradients = Pointers(grad_outputs ?? []);
            var leaves = Pointers(inputs);
            var results = new IntPtr[leaves.Length];
            fixed (IntPtr* r = roots, g = gradients, i = leaves, o = results)
                Native.Check(Native.tt_gradients(r, grad_outputs is null ? null : g, roots.Length,
                    retain_graph || create_graph ? 1 : 0, create_graph ? 1 : 0, allow_unused ? 1 : 0, i, leaves.Length, o));
            GC.KeepAlive(outputs);
            GC.KeepAlive(inputs);
            GC.KeepAlive(grad_outputs);
            return [.. results.Select(result => result == IntPtr.Zero ? null! : new Tensor(new TensorHandle(result)))];
        }

        static IntPtr[] Pointers(IList<Tensor> tensors)
        {
            var pointers = new IntPtr[tensors.Count];
            for (var i = 0; i < pointers.Length; i++) pointers[i] = tensors[i]?.Native() ?? IntPtr.Zero;
            return pointers;
        }
    }
}
