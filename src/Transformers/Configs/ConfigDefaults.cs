namespace Transformers.Configs;

/// <summary>A setting that differs from its default.</summary>
/// <param name="Path">Its path, such as <c>model.layers</c>.</param>
/// <param name="Value">Its value as JSON.</param>
/// <param name="Default">The default as JSON; null where there is none.</param>
public sealed record ChangedSetting(string Path, string Value, string? Default);

/// <summary>Compares configs with the defaults of their records.</summary>
public static class ConfigDefaults
{
    /// <summary>The settings that differ from their defaults, those without any included, in the order of the records.</summary>
    /// <param name="config">A config record.</param>
    public static IReadOnlyList<ChangedSetting> Changed(object config)
    {
        var changed = new List<ChangedSetting>();
        Compare(config, null, "", changed);
        return changed;
    }

    static void Compare(object value, object? standard, string path, List<ChangedSetting> changed)
    {
        var shape = ConfigShape.Of(value.GetType());
        // Where another kind is the default, this kind's own defaults are what its settings are compared with.
        if (standard?.GetType() != value.GetType())
        {
            if (shape.Kind is not null) changed.Add(new(At(path, "kind"), Show(shape.Kind), standard is null ? null : Show(ConfigShape.Of(standard.GetType()).Kind ?? "")));
            standard = Activator.CreateInstance(value.GetType())!;
        }
        foreach (var setting in shape.Settings)
        {
            var (own, usual) = (setting.Property.GetValue(value), setting.Required ? null : setting.Property.GetValue(standard));
            if (own is not null && ConfigShape.IsMapping(setting.Type))
            {
                Compare(own, usual, At(path, setting.Name), changed);
                continue;
            }
            var (shown, other) = (Json(own, setting.Type), usual is null && setting.Required ? null : Json(usual, setting.Type));
            if (shown != other) changed.Add(new(At(path, setting.Name), shown, other));
        }
    }

    static string At(string path, string name) => path.Length == 0 ? name : $"{path}.{name}";

    static string Show(string text) => $"\"{text}\"";

    static string Json(object? value, Type type) => value is null ? "none" : ConfigWriter.ToJson(value, type).ToJsonString(IO.JsonStyle.Options);
}
