namespace Transformers.Configs;

/// <summary>The name that picks this record in a config: <c>kind: gpt</c>.</summary>
/// <remarks>
/// A setting whose type is an abstract record is closed by its kinds: every sealed record of the same assembly that derives from it and
/// carries this attribute (or <see cref="ByKeyAttribute"/>) is one, and so is one that <see cref="Add"/> adds.
/// </remarks>
/// <param name="name">The name as it is written in the config.</param>
[AttributeUsage(AttributeTargets.Class, Inherited = false)]
public sealed class KindAttribute(string name) : Attribute
{
    /// <summary>The name as it is written in the config.</summary>
    public string Name => name;

    /// <summary>The name of a record's kind.</summary>
    public static string Of(object record) =>
        ((KindAttribute?)GetCustomAttribute(record.GetType(), typeof(KindAttribute)))?.Name ?? record.GetType().Name;

    static readonly AsyncLocal<IReadOnlyList<Type>?> added = new();

    /// <summary>Records of other assemblies that are kinds for the caller and what it calls.</summary>
    internal static IReadOnlyList<Type> Added => added.Value ?? [];

    /// <summary>Adds records of another assembly as kinds, for the caller and what it calls, until the result is disposed of.</summary>
    public static IDisposable Add(params IReadOnlyList<Type> records)
    {
        var before = added.Value;
        added.Value = [.. Added, .. records];
        return new Removal(before);
    }

    sealed class Removal(IReadOnlyList<Type>? before) : IDisposable
    {
        public void Dispose() => added.Value = before;
    }
}

/// <summary>The key whose presence picks this record in a config, where a <c>kind:</c> would say nothing new: <c>files: [a.txt]</c>.</summary>
/// <param name="key">A required setting of the record, as it is written in the config.</param>
[AttributeUsage(AttributeTargets.Class, Inherited = false)]
public sealed class ByKeyAttribute(string key) : Attribute
{
    /// <summary>A required setting of the record, as it is written in the config.</summary>
    public string Key => key;
}
