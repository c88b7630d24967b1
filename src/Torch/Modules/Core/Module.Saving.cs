namespace TorchSharp;

public static partial class torch
{
    public static partial class nn
    {
        public partial class Module
        {
            const int LongestName = 4096;

            public Module save(string location, IList<string>? skip = null)
            {
                using var file = File.Create(location);
                return save(file, skip);
            }

            public Module save(Stream stream, IList<string>? skip = null)
            {
                using var writer = new BinaryWriter(stream, System.Text.Encoding.UTF8, leaveOpen: true);
                return save(writer, skip);
            }

            public Module save(BinaryWriter writer, IList<string>? skip = null)
            {
                save_state_dict(writer, state_dict(), skip);
                return this;
            }

            /// <summary>How many tensors, and then the name and the tensor of each.</summary>
            public static void save_state_dict(BinaryWriter writer, Dictionary<string, Tensor> sd, IList<string>? skip = null)
            {
                var kept = sd.Where(entry => skip?.Contains(entry.Key) != true).ToList();
                writer.Write7BitEncodedInt64(kept.Count);
                foreach (var (name, tensor) in kept)
                {
                    writer.Write(name);
                    TensorStream.Write(writer, tensor);
                }
            }

            public virtual Module load(string location, bool strict = true, IList<string>? skip = null, Dictionary<string, bool>? loadedParameters = null)
            {
                using var file = File.OpenRead(location);
                return load(file, strict, skip, loadedParameters);
            }

            public Module load(Stream stream, bool strict = true, IList<string>? skip = null, Dictionary<string, bool>? loadedParameters = null)
            {
                using var reader = new BinaryReader(stream, System.Text.Encoding.UTF8, leaveOpen: true);
                return load(reader, strict, skip, loadedParameters);
            }

            /// <summary>Reads what <see cref="save(BinaryWriter, IList{string})"/> wrote.</summary>
            /// <param name="loadedParameters">Filled with the names of this module's tensors: whether each was in the file.</param>
            /// <exception cref="InvalidDataException">The stream holds no such tensors.</exception>
            /// <exception cref="InvalidOperationException">Names or shapes are others; nothing was loaded.</exception>
            public virtual Module load(BinaryReader reader, bool strict = true, IList<string>? skip = null, Dictionary<string, bool>? loadedParameters = null)
            {
                using var scope = NewDisposeScope();
                var source = new Dictionary<string, Tensor>();
                var count = reader.Read7BitEncodedInt64();
                for (var i = 0L; i < count; i++)
                {
                    var name = reader.ReadString();
                    if (name.Length > LongestName || !source.TryAdd(name, TensorStream.Read(reader))) throw new InvalidDataException("The names of the tensors in the stream are damaged.");
                }
                var (missing, _) = load_state_dict(source, strict, skip);
                if (loadedParameters is not null)
                    foreach (var name in state_dict().Keys) loadedParameters[name] = !missing.Contains(name) && skip?.Contains(name) != true;
                return this;
            }
        }
    }
}
