namespace TorchSharp;

public static partial class torch
{
    public static partial class nn
    {
        /// <summary>A part of a network: it owns parameters, buffers and other modules.</summary>
        /// <remarks>Moving a module changes its tensors in place, so what shares a parameter goes on sharing it.</remarks>
        public partial class Module : IDisposable
        {
            protected string name;

            readonly OrderedDictionary<string, Module> submodules = [];
            readonly OrderedDictionary<string, Modules.Parameter> ownParameters = [];
            readonly OrderedDictionary<string, (Tensor tensor, bool persistent)> ownBuffers = [];

            protected Module(string name) => this.name = name;

            public virtual string GetName() => name;

            public virtual bool training { get; private set; } = true;

            public virtual void train(bool train = true)
            {
                training = train;
                foreach (var (_, module) in OwnModules()) module.train(train);
            }

            public virtual void eval() => train(false);

            public virtual void zero_grad(bool set_to_none = true)
            {
                foreach (var parameter in parameters()) ClearGradient(parameter, set_to_none);
            }

            internal static void ClearGradient(Tensor parameter, bool set_to_none)
            {
                using var gradient = parameter.grad;
                if (gradient is null) return;
                if (set_to_none)
                {
                    parameter.grad = null;
                    return;
                }
                using var _ = no_grad();
                gradient.detach_();
                gradient.zero_();
            }

            /// <summary>Runs a function on every module below this one, and then on this one.</summary>
            public virtual Module apply(Action<Module> fn)
            {
                foreach (var (_, module) in OwnModules()) module.apply(fn);
                fn(this);
                return this;
            }

            public void Dispose()
            {
                Dispose(true);
                GC.SuppressFinalize(this);
            }

            protected virtual void Dispose(bool disposing)
            {
                if (!disposing) return;
                foreach (var (_, module) in OwnModules().ToArray()) module.Dispose();
                foreach (var (_, parameter) in OwnParameters().ToArray()) parameter.Dispose();
                foreach (var (_, buffer, _) in OwnBuffers().ToArray()) buffer.Dispose();
            }
        }
    }
}
