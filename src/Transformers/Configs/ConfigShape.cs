using System.Reflection;
using System.Runtime.CompilerServices;

namespace Transformers.Configs;

/// <summary>One setting of a record: a property that can be set when the record is created.</summary>
/// <param name="Definitions">The property, then those of base records and interfaces that it implements; rules and documentation come from
/// the first that has them.</param>
sealed record Setting(string Name, PropertyInfo Property, Type Type, bool Nullable, bool Required, IReadOnlyList<RuleAttribute> Rules, IReadOnlyList<PropertyInfo> Definitions);

/// <summary>What a record looks like in a config.</summary>
sealed record RecordShape(Type Type, string? Kind, string? Key, IReadOnlyList<Setting> Settings)
{
    internal Setting? Find(string name) => Settings.FirstOrDefault(s => s.Name == name);

    internal string Title => Kind is null ? "" : $" of kind {Kind}";
}

/// <summary>Reads the shapes of records by reflection, once each.</summary>
static class ConfigShape
{
    static readonly ConcurrentDictionary<Type, RecordShape> Records = new();
    static readonly ConcurrentDictionary<Type, IReadOnlyList<RecordShape>> Unions = new();

    /// <summary>Whether a type is written as a mapping.</summary>
    internal static bool IsMapping(Type type) => type.IsClass && type.GetMethod("<Clone>$") is not null;

    /// <summary>Whether a type is a mapping whose <c>kind</c>, or one of its keys, selects the record.</summary>
    internal static bool IsUnion(Type type) => type.IsAbstract && IsMapping(type);

    internal static Type? ItemOf(Type type) =>
        type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IReadOnlyList<>) ? type.GetGenericArguments()[0] : null;

    internal static bool IsPair(Type type) => type == typeof((double, double));

    /// <summary>The records of a union, in the order of their names.</summary>
    internal static IReadOnlyList<RecordShape> Variants(Type union)
    {
        var own = OwnVariants(union);
        var added = KindAttribute.Added.Where(type => type.IsAssignableTo(union)).Select(Of).ToList();
        return added.Count == 0 ? own : [.. own.Concat(added).OrderBy(s => s.Kind ?? s.Key, StringComparer.Ordinal)];
    }

    static IReadOnlyList<RecordShape> OwnVariants(Type union) => Unions.GetOrAdd(union, static union =>
        [.. union.Assembly.GetTypes().Where(t => !t.IsAbstract && t.IsAssignableTo(union)).Select(Of).OrderBy(s => s.Kind ?? s.Key, StringComparer.Ordinal)]);

    /// <summary>The other records of the union that a record belongs to; none if it belongs to none.</summary>
    internal static IEnumerable<RecordShape> Siblings(RecordShape shape)
    {
        Type? union = null;
        for (var type = shape.Type.BaseType; type is not null && IsMapping(type); type = type.BaseType) union = type;
        return union is null ? [] : Variants(union).Where(v => v.Type != shape.Type);
    }

    internal static RecordShape Of(Type type) => Records.GetOrAdd(type, static type =>
    {
        var nullability = new NullabilityInfoContext();
        var settings = type.GetProperties(BindingFlags.Public | BindingFlags.Instance)
            .Where(p => p.SetMethod is not null)
            .OrderBy(p => Depth(p.DeclaringType!)).ThenBy(p => p.MetadataToken)
            .Select(p =>
            {
                var inner = Nullable.GetUnderlyingType(p.PropertyType);
                var nullable = inner is not null || (!p.PropertyType.IsValueType && nullability.Create(p).WriteState == NullabilityState.Nullable);
                PropertyInfo[] definitions = [p, .. Definitions(type.BaseType, p), .. type.GetInterfaces().SelectMany(one => Definitions(one, p))];
                return new Setting(SnakeCase(p.Name), p, inner ?? p.PropertyType, nullable, p.IsDefined(typeof(RequiredMemberAttribute)),
                    definitions.Select(one => one.GetCustomAttributes<RuleAttribute>(inherit: false).ToArray()).FirstOrDefault(rules => rules.Length > 0) ?? [], definitions);
            });
        return new RecordShape(type, type.GetCustomAttribute<KindAttribute>()?.Name, type.GetCustomAttribute<ByKeyAttribute>()?.Key, [.. settings]);
    });

    static IEnumerable<PropertyInfo> Definitions(Type? type, PropertyInfo property) => type is null ? []
        : [.. type.GetProperty(property.Name, BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly) is { } own ? new[] { own } : [], .. Definitions(type.BaseType, property)];

    /// <summary>The variant that a mapping selects, or null if it selects none or several.</summary>
    internal static RecordShape? VariantOf(Type union, MapNode map)
    {
        var variants = Variants(union);
        if (map.Find("kind")?.Value is ScalarNode { Text: var kind } && variants.FirstOrDefault(v => v.Kind == kind) is { } byKind) return byKind;
        var byKey = variants.Where(v => v.Key is not null && HasValue(map, v.Key)).ToList();
        return byKey.Count == 1 ? byKey[0] : null;
    }

    internal static bool HasValue(MapNode map, string key) => map.Find(key) is { } entry && entry.Value is not ScalarNode { IsNull: true };

    /// <summary><c>KeyValueHeads</c> as <c>key_value_heads</c>; digits stay with the letters before them.</summary>
    internal static string SnakeCase(string name)
    {
        var text = new StringBuilder();
        for (var i = 0; i < name.Length; i++)
        {
            if (i > 0 && char.IsUpper(name[i]) && !char.IsUpper(name[i - 1])) text.Append('_');
            text.Append(char.ToLowerInvariant(name[i]));
        }
        return text.ToString();
    }

    static int Depth(Type type) => type.BaseType is null ? 0 : 1 + Depth(type.BaseType);
}
