using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public static void save(Tensor t, string location) => t.save(location);

    public static Tensor load(string location) => Tensor.load(location);

    public partial class Tensor
    {
        /// <summary>Writes type, shape and elements to a file.</summary>
        public void save(string location)
        {
            using var writer = new BinaryWriter(File.Create(location));
            TensorStream.Write(writer, this);
        }

        public static Tensor load(string location)
        {
            using var file = File.OpenRead(location);
            return Load(file);
        }

        public static Tensor Load(string location) => load(location);

        public static Tensor Load(Stream stream)
        {
            using var reader = new BinaryReader(stream, System.Text.Encoding.UTF8, leaveOpen: true);
            return Load(reader);
        }

        public static Tensor Load(BinaryReader reader) => TensorStream.Read(reader);

        static readonly Op pin_memory_op = Op.Find("aten::pin_memory"); public Tensor pin_memory() => pin_memory_op.Call(this);

        /// <summary>Shape, type and device; the value too where there is only one.</summary>
        public override string ToString()
        {
            if (IsInvalid) return "tensor without data";
            var text = $"[{string.Join('x', shape)}], type = {dtype}, device = {device}";
            return dim() == 0 && !is_meta && !is_complex() ? string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{text}, value = {this.ToDouble()}") : text;
        }
    }
}
