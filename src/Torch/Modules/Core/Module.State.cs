namespace TorchSharp;

public static partial class torch
{
    public static partial class nn
    {
        public partial class Module
        {
            /// <summary>The parameters and persistent buffers themselves, by path; a shared one under each of its names.</summary>
            public virtual Dictionary<string, Tensor> state_dict(Dictionary<string, Tensor>? destination = null, string? prefix = null)
            {
                destination ??= [];
                var path = string.IsNullOrEmpty(prefix) ? "" : prefix + ".";
                foreach (var (name, parameter) in OwnParameters()) destination[path + name] = parameter;
                foreach (var (name, buffer, persistent) in OwnBuffers())
                    if (persistent) destination[path + name] = buffer;
                foreach (var (name, module) in OwnModules()) module.state_dict(destination, path + name);
                return destination;
            }

            /// <summary>Copies values into the parameters and persistent buffers.</summary>
            /// <exception cref="InvalidOperationException">
            /// Where <paramref name="strict"/>, a name is missing or is one too many; in any case, a shape is another. Nothing was copied.
            /// </exception>
            public virtual (IList<string> missing_keys, IList<string> unexpected_keyes) load_state_dict(
                Dictionary<string, Tensor> source, bool strict = true, IList<string>? skip = null)
            {
                var own = state_dict();
                var skipped = new HashSet<string>(skip ?? []);
                var missing = own.Keys.Where(key => !source.ContainsKey(key) && !skipped.Contains(key)).ToList();
                var unexpected = source.Keys.Where(key => !own.ContainsKey(key) && !skipped.Contains(key)).ToList();
                var problems = strict
                    ? missing.Select(key => $"missing: {key}").Concat(unexpected.Select(key => $"unexpected: {key}")).ToList()
                    : [];
                var common = own.Where(entry => source.ContainsKey(entry.Key) && !skipped.Contains(entry.Key)).ToList();
                problems.AddRange(
                    from entry in common
                    let mine = entry.Value.shape
                    let theirs = source[entry.Key].shape
                    where !mine.AsSpan().SequenceEqual(theirs)
                    select $"{entry.Key}: the module has [{string.Join(", ", mine)}], the source [{string.Join(", ", theirs)}]");
                if (problems.Count > 0)
                    throw new InvalidOperationException($"The state does not fit {GetName()}: {string.Join("; ", problems)}.");
                using var _ = no_grad();
                foreach (var (key, target) in common) target.copy_(source[key]);
                return (missing, unexpected);
            }
        }
    }
}
