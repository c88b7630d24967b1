using System.Reflection;
using System.Runtime.CompilerServices;

namespace Torch.Tests.Surface;

/// <summary>The public and protected members of an assembly, a line each.</summary>
static class SurfaceReader
{
    const BindingFlags Declared = BindingFlags.DeclaredOnly | BindingFlags.Instance | BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic;

    /// <summary>Lines such as <c>TorchSharp.torch.Tensor method Tensor exp()</c>; extensions of the binding are left out.</summary>
    internal static IEnumerable<string> Read(Assembly assembly) =>
        from type in assembly.GetTypes()
        where IsSeen(type) && type.Namespace?.StartsWith("TorchSharp", StringComparison.Ordinal) == true && type.Namespace != "TorchSharp.Extensions"
        from member in Members(type)
        select $"{SignatureFormat.Owner(type)} {member}";

    static bool IsSeen(Type type) =>
        type.IsNested ? (type.IsNestedPublic || type.IsNestedFamily || type.IsNestedFamORAssem) && IsSeen(type.DeclaringType!) : type.IsPublic;

    static IEnumerable<string> Members(Type type)
    {
        yield return TypeLine(type);
        if (type.IsEnum)
        {
            foreach (var name in Enum.GetNames(type)) yield return $"enum value {name} = {Convert.ToInt64(Enum.Parse(type, name))}";
            yield break;
        }
        if (type.IsSubclassOf(typeof(Delegate))) yield break;
        foreach (var constructor in type.GetConstructors(Declared).Where(c => IsSeen(c) && !c.IsStatic))
            yield return $"{Access(constructor)}constructor {type.Name.Split('`')[0]}({SignatureFormat.Parameters(constructor.GetParameters())})";
        foreach (var field in type.GetFields(Declared).Where(f => f.IsPublic || f.IsFamily || f.IsFamilyOrAssembly))
            yield return Field(field);
        foreach (var property in type.GetProperties(Declared))
            if (Property(property) is { } line) yield return line;
        foreach (var method in type.GetMethods(Declared))
            if (Method(method) is { } line) yield return line;
    }

    static bool IsSeen(MethodBase method) => method.IsPublic || method.IsFamily || method.IsFamilyOrAssembly;

    static string Access(MethodBase method) => method.IsPublic ? "" : "protected ";

    static string TypeLine(Type type)
    {
        var name = SignatureFormat.Of(type);
        if (type.IsEnum) return $"type enum {name} : {SignatureFormat.Of(Enum.GetUnderlyingType(type))}";
        if (type.IsSubclassOf(typeof(Delegate)))
        {
            var invoke = type.GetMethod("Invoke")!;
            return $"type delegate {SignatureFormat.Of(invoke.ReturnType)} {name}({SignatureFormat.Parameters(invoke.GetParameters())})";
        }
        var kind = type.IsInterface ? "interface" : type.IsValueType ? "struct"
            : (type.IsAbstract && type.IsSealed ? "static " : type.IsAbstract ? "abstract " : type.IsSealed ? "sealed " : "") + "class";
        var inherited = type.BaseType?.GetInterfaces() ?? [];
        var all = type.GetInterfaces();
        var own = all.Where(i => i.IsVisible && !inherited.Contains(i) && !all.Any(other => other != i && other.GetInterfaces().Contains(i)));
        var bases = (type.BaseType is { } parent && parent != typeof(object) && parent != typeof(ValueType) ? [parent] : Array.Empty<Type>())
            .Select(t => SignatureFormat.Of(t, SignatureFormat.TupleNames(type))).Concat(own.Select(i => SignatureFormat.Of(i)).Order(StringComparer.Ordinal)).ToList();
        return $"type {kind} {name}{(bases.Count > 0 ? " : " + string.Join(", ", bases) : "")}{SignatureFormat.Constraints(type.GetGenericArguments())}";
    }

    static string Field(FieldInfo field)
    {
        var kind = field.IsLiteral ? "const " : (field.IsStatic ? "static " : "") + (field.IsInitOnly ? "readonly " : "");
        return $"{(field.IsPublic ? "" : "protected ")}{kind}field {SignatureFormat.Of(field.FieldType, SignatureFormat.TupleNames(field))} {field.Name}";
    }

    static string? Property(PropertyInfo property)
    {
        var getter = property.GetMethod is { } get && IsSeen(get) ? get : null;
        var setter = property.SetMethod is { } set && IsSeen(set) ? set : null;
        var first = getter ?? setter;
        if (first is null || IsInherited(first)) return null;
        var indices = property.GetIndexParameters();
        var name = indices.Length == 0 ? property.Name : $"this[{SignatureFormat.Parameters(indices)}]";
        return $"{Access(first)}{Kind(first)}property {SignatureFormat.Of(property.PropertyType, SignatureFormat.TupleNames(property))} {name} {{ {(getter is null ? "" : "get; ")}{(setter is null ? "" : "set; ")}}}";
    }

    static string? Method(MethodInfo method)
    {
        if (!IsSeen(method) || IsInherited(method) || method.IsDefined(typeof(CompilerGeneratedAttribute)) && method.Name.StartsWith('<')) return null;
        var isOperator = method.IsSpecialName && method.Name.StartsWith("op_", StringComparison.Ordinal);
        if (method.IsSpecialName && !isOperator) return null;
        var generic = method.IsGenericMethodDefinition ? $"<{string.Join(", ", method.GetGenericArguments().Select(argument => argument.Name))}>" : "";
        var returned = SignatureFormat.Of(method.ReturnType, SignatureFormat.TupleNames(method.ReturnParameter));
        var parameters = SignatureFormat.Parameters(method.GetParameters(), method.IsDefined(typeof(ExtensionAttribute)));
        return $"{Access(method)}{Kind(method)}{(isOperator ? "operator" : "method")} {returned} {method.Name}{generic}({parameters}){SignatureFormat.Constraints(method.GetGenericArguments())}";
    }

    /// <summary>An override adds nothing that a caller can see, unless TorchSharp's documentation shows it: forward.</summary>
    static bool IsInherited(MethodInfo method) => method.GetBaseDefinition() != method && method.Name != "forward";

    static string Kind(MethodInfo method) =>
        method.IsStatic ? "static "
        : method.DeclaringType!.IsInterface || !method.IsVirtual ? ""
        : method.GetBaseDefinition() != method ? "override "
        : method.IsAbstract ? "abstract "
        : method.IsFinal ? "" : "virtual ";
}
