namespace Transformers.Configs;

/// <summary>Finds the place of a setting that was written in the wrong one.</summary>
static class Elsewhere
{
    /// <summary>The dotted path of the only setting of this name below a type, or null where there is none or more than one.</summary>
    internal static string? Find(Type root, string name)
    {
        var paths = new HashSet<string>();
        Collect(root, name, "", paths, []);
        return paths.Count == 1 ? paths.Single() : null;
    }

    static void Collect(Type type, string name, string path, HashSet<string> paths, HashSet<Type> seen)
    {
        if (!ConfigShape.IsMapping(type) || !seen.Add(type)) return;
        foreach (var shape in ConfigShape.IsUnion(type) ? ConfigShape.Variants(type) : [ConfigShape.Of(type)])
            foreach (var setting in shape.Settings)
            {
                var below = path.Length == 0 ? setting.Name : $"{path}.{setting.Name}";
                if (setting.Name == name) paths.Add(below);
                Collect(setting.Type, name, below, paths, seen);
            }
    }
}
