using System.Collections.Concurrent;
using System.Reflection;
using TorchSharp.Modules;

namespace TorchSharp;

public static partial class torch
{
    public static partial class nn
    {
        public partial class Module
        {
            const string BackingFieldEnd = ">k__BackingField";
            static readonly ConcurrentDictionary<Type, (FieldInfo field, string name)[]> ComponentFields = new();
            bool byReflection;

            public virtual void register_module(string name, Module submodule)
            {
                CheckName(name);
                if (submodule is null) submodules.Remove(name);
                else if (!submodules.TryAdd(name, submodule)) throw new ArgumentException($"Sub-module {name} is already registered.", nameof(name));
            }

            public void add_module(string name, Module module) => register_module(name, module);

            public virtual void register_parameter(string name, Parameter? param)
            {
                CheckName(name);
                if (param is null) ownParameters.Remove(name);
                else if (!ownParameters.TryAdd(name, param)) throw new ArgumentException($"Parameter {name} is already registered.", nameof(name));
                param?.DetachFromDisposeScope();
            }

            public virtual void register_buffer(string name, Tensor tensor, bool persistent = true)
            {
                CheckName(name);
                if (tensor is null) ownBuffers.Remove(name);
                else if (!ownBuffers.TryAdd(name, (tensor, persistent))) throw new ArgumentException($"Buffer {name} is already registered.", nameof(name));
                tensor?.DetachFromDisposeScope();
            }

            /// <summary>
            /// Registers the fields that hold modules, parameters and tensors (as buffers), under the fields' names.
            /// </summary>
            /// <remarks>
            /// Call it last in a constructor. A field that gets its module or parameter later, or another one, is seen too;
            /// a tensor field counts as a buffer only if it holds its tensor now.
            /// </remarks>
            protected virtual void RegisterComponents()
            {
                byReflection = true;
                foreach (var (field, name) in FieldsOf(GetType()))
                    if (field.GetValue(this) is Tensor tensor and not Modules.Parameter && !ownBuffers.ContainsKey(name))
                        register_buffer(name, tensor);
                SeeFields();
            }

            /// <summary>Brings the registered modules and parameters up to what the fields hold.</summary>
            void SeeFields()
            {
                if (!byReflection) return;
                foreach (var (field, name) in FieldsOf(GetType()))
                    switch (field.GetValue(this))
                    {
                        case Module module when !submodules.TryGetValue(name, out var known) ? !submodules.ContainsValue(module) : known != module:
                            submodules[name] = module;
                            break;
                        case Parameter parameter when !ownParameters.TryGetValue(name, out var known) ? !ownParameters.ContainsValue(parameter) : !ReferenceEquals(known, parameter):
                            parameter.DetachFromDisposeScope();
                            ownParameters[name] = parameter;
                            break;
                    }
            }

            /// <summary>Registers a parameter that a property sets: the first time, and in the place of another.</summary>
            private protected TParameter Held<TParameter>(string name, TParameter value) where TParameter : Parameter?
            {
                if (value is null) ownParameters.Remove(name);
                else ownParameters[name] = value;
                value?.DetachFromDisposeScope();
                return value;
            }

            static (FieldInfo field, string name)[] FieldsOf(Type type) => ComponentFields.GetOrAdd(type, static type =>
            {
                var found = new List<(FieldInfo, string)>();
                for (var level = type; level is not null && level.Assembly != typeof(Module).Assembly; level = level.BaseType)
                    foreach (var field in level.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly))
                        if (field.FieldType.IsInterface || field.FieldType.IsAssignableTo(typeof(Module)) || field.FieldType.IsAssignableTo(typeof(Tensor)))
                            found.Add((field, NameOf(field)));
                return [.. found];
            });

            static string NameOf(FieldInfo field) =>
                field.GetCustomAttribute<Utils.ComponentNameAttribute>()?.Name
                ?? (field.Name.EndsWith(BackingFieldEnd, StringComparison.Ordinal) ? field.Name[1..^BackingFieldEnd.Length] : field.Name);

            static void CheckName(string name)
            {
                if (string.IsNullOrEmpty(name)) throw new ArgumentException("A component of a module needs a name.", nameof(name));
                if (name.Contains('.')) throw new ArgumentException($"The name of a component cannot hold a dot: {name}.", nameof(name));
            }
        }
    }
}
