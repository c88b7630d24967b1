using System.Collections;
using System.Diagnostics.CodeAnalysis;
using TorchSharp.Modules;
using static TorchSharp.torch.nn;

namespace TorchSharp
{
    public static partial class torch
    {
        public static partial class nn
        {
            public static ModuleDict<Module> ModuleDict(params (string, Module)[] modules) => ModuleDict<Module>(modules);

            public static ModuleDict<T> ModuleDict<T>(params (string, T)[] modules) where T : Module
            {
                var dict = new ModuleDict<T>();
                foreach (var (key, module) in modules) dict.Add(key, module);
                return dict;
            }
        }
    }
}

namespace TorchSharp.Modules
{
    /// <summary>Modules by name, in the order in which they came.</summary>
    public class ModuleDict<T> : Module, IDictionary<string, T>, IList<(string, T)> where T : Module
    {
        readonly OrderedDictionary<string, T> dict = [];

        public ModuleDict() : base(nameof(ModuleDict)) { }

        private protected override IEnumerable<(string name, Module module)> OwnModules() =>
            base.OwnModules().Concat(dict.Select(entry => (entry.Key, (Module)entry.Value)));

        public T this[string key] { get => dict[key]; set => dict[key] = value; }
        public (string, T) this[int index] { get => (dict.GetAt(index).Key, dict.GetAt(index).Value); set => dict.SetAt(index, value.Item1, value.Item2); }
        public int Count => dict.Count;
        public bool IsReadOnly => false;
        public ICollection<string> Keys => dict.Keys;
        public ICollection<T> Values => dict.Values;
        public IEnumerable<string> keys() => dict.Keys;
        public IEnumerable<T> values() => dict.Values;
        public IEnumerator<(string, T)> items() => dict.Select(entry => (entry.Key, entry.Value)).GetEnumerator();
        public IEnumerator<(string, T)> GetEnumerator() => items();
        public void Add(string key, T value) => dict.Add(key, value);
        public void Add((string, T) item) => dict.Add(item.Item1, item.Item2);
        public void Add(KeyValuePair<string, T> item) => dict.Add(item.Key, item.Value);
        public void Clear() => dict.Clear();
        public void clear() => dict.Clear();
        public bool Contains((string, T) item) => IndexOf(item) >= 0;
        public bool Contains(KeyValuePair<string, T> item) => Contains((item.Key, item.Value));
        public bool ContainsKey(string key) => dict.ContainsKey(key);
        public bool TryGetValue(string key, [MaybeNullWhen(false)] out T value) => dict.TryGetValue(key, out value);
        public int IndexOf((string, T) item) => dict.TryGetValue(item.Item1, out var held) && held == item.Item2 ? dict.IndexOf(item.Item1) : -1;
        public void Insert(int index, (string, T) item) => dict.Insert(index, item.Item1, item.Item2);
        public bool Remove(string key) => dict.Remove(key);
        public bool Remove((string, T) item) => Contains(item) && dict.Remove(item.Item1);
        public bool Remove(KeyValuePair<string, T> item) => Remove((item.Key, item.Value));
        public void RemoveAt(int index) => dict.RemoveAt(index);
        public void CopyTo((string, T)[] array, int arrayIndex) => dict.Select(entry => (entry.Key, entry.Value)).ToArray().CopyTo(array, arrayIndex);
        public void CopyTo(KeyValuePair<string, T>[] array, int arrayIndex) => ((ICollection<KeyValuePair<string, T>>)dict).CopyTo(array, arrayIndex);
        IEnumerator<KeyValuePair<string, T>> IEnumerable<KeyValuePair<string, T>>.GetEnumerator() => dict.GetEnumerator();
        IEnumerator IEnumerable.GetEnumerator() => items();
    }
}
