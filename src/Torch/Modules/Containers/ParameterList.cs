using System.Collections;
using TorchSharp.Modules;
using static TorchSharp.torch.nn;

namespace TorchSharp
{
    public static partial class torch
    {
        public static partial class nn
        {
            public static Parameter Parameter(Tensor data, bool requires_grad = true) => new(data, requires_grad);

            public static ParameterList ParameterList(params Parameter[] parameters) => new(parameters);
        }
    }
}

namespace TorchSharp.Modules
{
    /// <summary>Parameters in order, registered as 0, 1, 2 …</summary>
    public class ParameterList : Module, IList<Parameter>
    {
        readonly List<Parameter> list = [];

        public ParameterList(params Parameter[] parameters) : base(nameof(ParameterList)) => list.AddRange(parameters);

        private protected override IEnumerable<(string name, Parameter parameter)> OwnParameters() =>
            base.OwnParameters().Concat(list.Select((parameter, i) => (i.ToString(), parameter)));

        public Parameter this[int index] { get => list[index]; set => list[index] = value; }
        public int Count => list.Count;
        public bool IsReadOnly => false;
        public void Add(Parameter item) => list.Add(item);
        public void append(params Parameter[] parameters) => list.AddRange(parameters);
        public void extend(IEnumerable<Parameter> parameters) => list.AddRange(parameters);
        public void Clear() => list.Clear();
        public bool Contains(Parameter item) => IndexOf(item) >= 0;
        public void CopyTo(Parameter[] array, int arrayIndex) => list.CopyTo(array, arrayIndex);
        public int IndexOf(Parameter item) => list.FindIndex(held => ReferenceEquals(held, item));
        public void Insert(int index, Parameter item) => list.Insert(index, item);
        public void RemoveAt(int index) => list.RemoveAt(index);
        public IEnumerator<Parameter> GetEnumerator() => list.GetEnumerator();
        IEnumerator IEnumerable.GetEnumerator() => list.GetEnumerator();

        public bool Remove(Parameter item)
        {
            var index = IndexOf(item);
            if (index >= 0) list.RemoveAt(index);
            return index >= 0;
        }
    }
}
