using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace TorchSharp
{
    public static partial class torch
    {
        public static partial class nn
        {
            public static Sequential Sequential() => new(Array.Empty<(string, Module<Tensor, Tensor>)>());

            public static Sequential Sequential(params Module<Tensor, Tensor>[] modules) => new(modules);

            public static Sequential Sequential(params (string name, Module<Tensor, Tensor> submodule)[] modules) => new(modules);

            public static Sequential Sequential(params Tuple<string, Module<Tensor, Tensor>>[] modules) => Sequential((IEnumerable<Tuple<string, Module<Tensor, Tensor>>>)modules);

            public static Sequential Sequential(IEnumerable<Module<Tensor, Tensor>> modules) => new([.. modules]);

            public static Sequential Sequential(IEnumerable<(string name, Module<Tensor, Tensor> submodule)> modules) => new([.. modules]);

            public static Sequential Sequential(IEnumerable<Tuple<string, Module<Tensor, Tensor>>> modules) => new([.. modules.Select(pair => (pair.Item1, pair.Item2))]);
        }
    }
}

namespace TorchSharp.Modules
{
    /// <summary>Modules of one tensor each, run one after the other.</summary>
    public class Sequential : Module<Tensor, Tensor>
    {
        readonly List<IModule<Tensor, Tensor>> steps = [];

        protected internal Sequential(params (string name, Module<Tensor, Tensor> submodule)[] modules) : base(nameof(Sequential))
        {
            foreach (var (name, module) in modules) append(name, module);
        }

        protected internal Sequential(params Module<Tensor, Tensor>[] modules) : base(nameof(Sequential))
        {
            foreach (var module in modules) append(module);
        }

        public int Count => steps.Count;

        public IModule<Tensor, Tensor> this[int index] => steps[index];

        /// <summary>A sequence of the same modules, which both then own.</summary>
        public Sequential this[Range index] => new(steps[index].Cast<Module<Tensor, Tensor>>().ToArray());

        public Sequential this[(int? start, int? end) index] => this[(index.start ?? 0)..(index.end ?? Count)];

        public Sequential append(IModule<Tensor, Tensor> module) => append(steps.Count.ToString(), module);

        public Sequential append(string name, IModule<Tensor, Tensor> module)
        {
            register_module(name, (Module)module);
            steps.Add(module);
            return this;
        }

        public override Tensor forward(Tensor tensor)
        {
            // Without modules the result is the input under a handle of its own, so that both can be disposed.
            if (steps.Count == 0) return tensor.alias();
            var result = steps[0].call(tensor);
            for (var i = 1; i < steps.Count; i++)
            {
                var next = steps[i].call(result);
                if (!ReferenceEquals(next, result) && !ReferenceEquals(result, tensor)) result.Dispose();
                result = next;
            }
            return result;
        }
    }
}
