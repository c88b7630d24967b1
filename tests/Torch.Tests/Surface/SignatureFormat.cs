using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;

namespace Torch.Tests.Surface;

/// <summary>Writes types, parameters and default values as C# does, with namespaces and "torch." and "nn." left out.</summary>
static class SignatureFormat
{
    static readonly Dictionary<Type, string> Keywords = new()
    {
        [typeof(void)] = "void", [typeof(bool)] = "bool", [typeof(byte)] = "byte", [typeof(sbyte)] = "sbyte", [typeof(short)] = "short",
        [typeof(ushort)] = "ushort", [typeof(int)] = "int", [typeof(uint)] = "uint", [typeof(long)] = "long", [typeof(ulong)] = "ulong",
        [typeof(float)] = "float", [typeof(double)] = "double", [typeof(decimal)] = "decimal", [typeof(char)] = "char",
        [typeof(string)] = "string", [typeof(object)] = "object",
    };

    /// <summary>The type in front of a member: with its namespace, and no spaces.</summary>
    internal static string Owner(Type type) =>
        $"{type.Namespace}.{string.Join('.', Nesting(type).Select(level => Level(level, type.GetGenericArguments(), ",")))}";

    /// <summary>A type inside a signature. Tuples' names are taken, one after the other, from <paramref name="names"/>.</summary>
    internal static string Of(Type type, Queue<string?>? names = null)
    {
        if (type.IsByRef) return Of(type.GetElementType()!, names);
        if (Keywords.TryGetValue(type, out var keyword)) return keyword;
        if (type.IsGenericParameter) return type.Name;
        if (type.IsPointer) return Of(type.GetElementType()!, names) + "*";
        if (type.IsArray)
        {
            var element = type;
            var ranks = "";
            for (; element.IsArray; element = element.GetElementType()!) ranks += $"[{new string(',', element.GetArrayRank() - 1)}]";
            return Of(element, names) + ranks;
        }
        if (Nullable.GetUnderlyingType(type) is { } underlying) return Of(underlying, names) + "?";
        if (type.FullName?.StartsWith("System.ValueTuple`", StringComparison.Ordinal) == true) return Tuple(type, names);
        if (type.Name.StartsWith("ValueTuple`", StringComparison.Ordinal)) return Tuple(type, names);
        var arguments = type.GetGenericArguments();
        var parts = Nesting(type).ToList();
        if (parts.Count > 1 && parts[0].Name == "torch") parts.RemoveAt(0);
        if (parts.Count > 1 && parts[0].Name == "nn") parts.RemoveAt(0);
        return string.Join('.', parts.Select(level => Level(level, arguments, ", ", names)));
    }

    static string Tuple(Type type, Queue<string?>? names)
    {
        var arguments = type.GetGenericArguments();
        // The compiler lists a tuple's names before those of the tuples inside it.
        var own = arguments.Select(_ => names is { Count: > 0 } ? names.Dequeue() : null).ToArray();
        return $"({string.Join(", ", arguments.Select((argument, i) => Of(argument, names) + (own[i] is { } name ? " " + name : "")))})";
    }

    static IEnumerable<Type> Nesting(Type type)
    {
        var levels = new Stack<Type>();
        for (var level = type; level is not null; level = level.DeclaringType) levels.Push(level);
        return levels;
    }

    static string Level(Type level, Type[] arguments, string comma, Queue<string?>? names = null)
    {
        var inherited = level.DeclaringType?.GetGenericArguments().Length ?? 0;
        var own = level.GetGenericArguments().Length - inherited;
        var name = level.Name.Split('`')[0];
        return own == 0 ? name : $"{name}<{string.Join(comma, arguments.Skip(inherited).Take(own).Select(argument => Of(argument, names)))}>";
    }

    internal static Queue<string?>? TupleNames(ICustomAttributeProvider target) =>
        target.GetCustomAttributes(typeof(TupleElementNamesAttribute), false).OfType<TupleElementNamesAttribute>().FirstOrDefault() is { } attribute
            ? new(attribute.TransformNames) : null;

    internal static string Parameters(ParameterInfo[] parameters, bool extension = false) =>
        string.Join(", ", parameters.Select((parameter, i) => (extension && i == 0 ? "this " : "") + Parameter(parameter)));

    static string Parameter(ParameterInfo parameter)
    {
        var prefix = parameter.IsOut ? "out " : parameter.ParameterType.IsByRef ? "ref " : parameter.IsDefined(typeof(ParamArrayAttribute)) ? "params " : "";
        var text = $"{prefix}{Of(parameter.ParameterType, TupleNames(parameter))} {parameter.Name}";
        return parameter.HasDefaultValue ? $"{text} = {Default(parameter)}" : text;
    }

    static string Default(ParameterInfo parameter)
    {
        var type = Nullable.GetUnderlyingType(parameter.ParameterType) ?? parameter.ParameterType;
        return parameter.DefaultValue switch
        {
            null => parameter.ParameterType.IsValueType && Nullable.GetUnderlyingType(parameter.ParameterType) is null ? "default" : "null",
            bool truth => truth ? "true" : "false",
            string text => $"\"{text}\"",
            float number => number.ToString("R", CultureInfo.InvariantCulture) + "f",
            var value when type.IsEnum => $"{Of(type)}.{Enum.GetName(type, value) ?? value}",
            IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
            var other => other.ToString()!,
        };
    }

    internal static string Constraints(Type[] parameters)
    {
        var clauses = new List<string>();
        foreach (var parameter in parameters)
        {
            var kinds = new List<string>();
            var attributes = parameter.GenericParameterAttributes;
            var unmanaged = parameter.CustomAttributes.Any(attribute => attribute.AttributeType.Name == "IsUnmanagedAttribute");
            if (unmanaged) kinds.Add("unmanaged");
            else if (attributes.HasFlag(GenericParameterAttributes.NotNullableValueTypeConstraint)) kinds.Add("struct");
            if (attributes.HasFlag(GenericParameterAttributes.ReferenceTypeConstraint)) kinds.Add("class");
            kinds.AddRange(parameter.GetGenericParameterConstraints().Where(type => type != typeof(ValueType) && !unmanaged).Select(type => Of(type)));
            if (attributes.HasFlag(GenericParameterAttributes.DefaultConstructorConstraint) && !attributes.HasFlag(GenericParameterAttributes.NotNullableValueTypeConstraint)) kinds.Add("new()");
            if (kinds.Count > 0) clauses.Add($" where {parameter.Name} : {string.Join(", ", kinds)}");
        }
        return string.Concat(clauses);
    }
}
