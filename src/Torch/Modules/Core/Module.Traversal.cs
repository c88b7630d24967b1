using TorchSharp.Modules;

namespace TorchSharp;

public static partial class torch
{
    public static partial class nn
    {
        public partial class Module
        {
            // What this very module holds; containers add their elements here.
            private protected virtual IEnumerable<(string name, Module module)> OwnModules()
            {
                SeeFields();
                return submodules.Select(entry => (entry.Key, entry.Value));
            }

            private protected virtual IEnumerable<(string name, Parameter parameter)> OwnParameters()
            {
                SeeFields();
                return ownParameters.Select(entry => (entry.Key, entry.Value));
            }

            private protected IEnumerable<(string name, Tensor tensor, bool persistent)> OwnBuffers() =>
                ownBuffers.Select(entry => (entry.Key, entry.Value.tensor, entry.Value.persistent));

            public virtual IEnumerable<(string name, Module module)> named_children() => OwnModules();

            public virtual IEnumerable<Module> children() => OwnModules().Select(child => child.module);

            /// <summary>Every module below this one, each once, with its path; not this one itself.</summary>
            public virtual IEnumerable<(string name, Module module)> named_modules() => Below("", new(ReferenceEqualityComparer.Instance));

            public virtual IEnumerable<Module> modules() => named_modules().Select(entry => entry.module);

            /// <summary>Every parameter once, under the first of its names.</summary>
            public virtual IEnumerable<(string name, Parameter parameter)> named_parameters(bool recurse = true)
            {
                var seen = new HashSet<Parameter>(ReferenceEqualityComparer.Instance);
                foreach (var (path, module) in WithPath(recurse))
                    foreach (var (name, parameter) in module.OwnParameters())
                        if (seen.Add(parameter)) yield return (path + name, parameter);
            }

            public virtual IEnumerable<Parameter> parameters(bool recurse = true) => named_parameters(recurse).Select(entry => entry.parameter);

            public virtual IEnumerable<(string name, Tensor buffer)> named_buffers(bool recurse = true, bool include_nonpersistent = true)
            {
                var seen = new HashSet<Tensor>(ReferenceEqualityComparer.Instance);
                foreach (var (path, module) in WithPath(recurse))
                    foreach (var (name, tensor, persistent) in module.OwnBuffers())
                        if ((persistent || include_nonpersistent) && seen.Add(tensor)) yield return (path + name, tensor);
            }

            public virtual IEnumerable<Tensor> buffers(bool recurse = true, bool include_nonpersistent = true) =>
                named_buffers(recurse, include_nonpersistent).Select(entry => entry.buffer);

            public virtual Parameter? get_parameter(string target) => Owner(target, out var last)?.OwnParameters().FirstOrDefault(entry => entry.name == last).parameter;

            public virtual Tensor? get_buffer(string target) => Owner(target, out var last)?.OwnBuffers().FirstOrDefault(entry => entry.name == last).tensor;

            public virtual bool has_parameter(string target) => get_parameter(target) is not null;

            public virtual bool has_buffer(string target) => get_buffer(target) is not null;

            /// <summary>The module that the path before the last dot leads to.</summary>
            Module? Owner(string target, out string last)
            {
                var steps = target.Split('.');
                last = steps[^1];
                var module = this;
                foreach (var step in steps[..^1])
                {
                    module = module.OwnModules().FirstOrDefault(entry => entry.name == step).module;
                    if (module is null) return null;
                }
                return module;
            }

            IEnumerable<(string name, Module module)> Below(string path, HashSet<Module> seen)
            {
                foreach (var (name, module) in OwnModules())
                {
                    if (!seen.Add(module)) continue;
                    yield return (path + name, module);
                    foreach (var entry in module.Below($"{path}{name}.", seen)) yield return entry;
                }
            }

            /// <summary>This module and, if asked for, those below it, each with what stands before its components' names.</summary>
            IEnumerable<(string path, Module module)> WithPath(bool recurse)
            {
                yield return ("", this);
                if (!recurse) yield break;
                foreach (var (name, module) in Below("", new(ReferenceEqualityComparer.Instance))) yield return ($"{name}.", module);
            }
        }
    }
}
