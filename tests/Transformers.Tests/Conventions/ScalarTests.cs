using System.Reflection.Emit;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;
using TorchSharp;

namespace Transformers.Tests.Conventions;

/// <summary>No code that runs in a step or while generating gives libtorch a number that the garbage collector may free meanwhile.</summary>
/// <remarks>
/// <c>Native/Scalars.cs</c> says why. Read from the compiled methods: a method of TorchSharp is unsafe if it makes a <see cref="Scalar"/>
/// itself, as that of <c>a + b</c> does, or calls one that does.
/// </remarks>
public sealed class ScalarTests
{
    // What they do once, nothing else runs beside.
    static readonly string[] Once = ["Transformers.Benchmarks", "Transformers.Reports", "Transformers.Interchange"];

    [Fact]
    public void No_number_in_an_expression_of_tensors_may_be_freed_while_libtorch_reads_it()
    {
        using var torch = new Calls(typeof(Scalar).Assembly.Location);
        using var own = new Calls(typeof(Kind).Assembly.Location);
        var @unsafe = Unsafe(torch);
        Assert.Contains("TorchSharp.torch+Tensor.op_Addition", @unsafe.Select(name => name[..name.IndexOf('(')]));
        var found = own.All.Where(call => @unsafe.Contains(call.Called) && !Once.Any(call.Caller.StartsWith) && !call.Caller.StartsWith("Transformers.Native.Scalars", StringComparison.Ordinal))
            .Select(call => $"{call.Caller[..call.Caller.IndexOf('(')]} calls {call.Called}").Distinct().Order(StringComparer.Ordinal).ToList();
        Assert.True(found.Count == 0, "write Scalars.Of(number), a.Plus(b), or a tensor:\n" + string.Join("\n", found));
    }

    // Conversions to a Scalar, and the methods of Tensor and of the functions over tensors that convert a number themselves.
    static HashSet<string> Unsafe(Calls torch)
    {
        var found = torch.All.Select(call => call.Called).Where(name => name.StartsWith("TorchSharp.Scalar.op_Implicit(", StringComparison.Ordinal)).ToHashSet();
        for (var before = 0; before < found.Count;)
        {
            before = found.Count;
            found.UnionWith(torch.All.Where(call => found.Contains(call.Called) && IsOperator(call.Caller)).Select(call => call.Caller).ToList());
        }
        return found;
    }

    // Modules and optimizers of TorchSharp, which the program does not use, are left out.
    static bool IsOperator(string method) => method.StartsWith("TorchSharp.torch+Tensor.", StringComparison.Ordinal) || method.StartsWith("TorchSharp.torch.", StringComparison.Ordinal) || method.StartsWith("TorchSharp.torch+nn+functional.", StringComparison.Ordinal);

    /// <summary>Which method of an assembly calls which.</summary>
    sealed class Calls : IDisposable
    {
        static readonly Dictionary<int, OpCode> Codes = typeof(OpCodes).GetFields().Select(field => (OpCode)field.GetValue(null)!).ToDictionary(code => code.Value & 0xFFFF);

        readonly PEReader file;
        readonly MetadataReader reader;

        internal Calls(string path)
        {
            file = new PEReader(File.OpenRead(path));
            reader = file.GetMetadataReader();
            All = [.. reader.MethodDefinitions.SelectMany(handle => Of(handle).Select(called => (NameOf(handle), called)))];
            Assert.True(All.Count > 1000, $"only {All.Count} calls were found in {path}");
        }

        internal IReadOnlyList<(string Caller, string Called)> All { get; }

        IEnumerable<string> Of(MethodDefinitionHandle method)
        {
            if (reader.GetMethodDefinition(method).RelativeVirtualAddress is not (not 0 and var address)) return [];
            var il = file.GetMethodBody(address).GetILBytes()!;
            var called = new List<string>();
            for (var at = 0; at < il.Length;)
            {
                var code = Codes[il[at] == 0xFE ? 0xFE00 | il[at + 1] : il[at]];
                at += code.Size;
                if (code.OperandType == OperandType.InlineMethod) called.Add(NameOf(MetadataTokens.EntityHandle(BitConverter.ToInt32(il, at))));
                at += code.OperandType switch
                {
                    OperandType.InlineNone => 0,
                    OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar => 1,
                    OperandType.InlineVar => 2,
                    OperandType.InlineI8 or OperandType.InlineR => 8,
                    OperandType.InlineSwitch => 4 + 4 * BitConverter.ToInt32(il, at),
                    _ => 4,
                };
            }
            return called;
        }

        // With the parameters' types, so that overloads differ and a method has one name in both assemblies.
        string NameOf(EntityHandle handle)
        {
            switch (handle.Kind)
            {
                case HandleKind.MethodSpecification: return NameOf(reader.GetMethodSpecification((MethodSpecificationHandle)handle).Method);
                case HandleKind.MemberReference:
                    var member = reader.GetMemberReference((MemberReferenceHandle)handle);
                    return $"{TypeOf(member.Parent)}.{reader.GetString(member.Name)}({Parameters(member.DecodeMethodSignature(new Names(), null))})";
                default:
                    var method = reader.GetMethodDefinition((MethodDefinitionHandle)handle);
                    return $"{TypeOf(method.GetDeclaringType())}.{reader.GetString(method.Name)}({Parameters(method.DecodeSignature(new Names(), null))})";
            }
        }

        static string Parameters(MethodSignature<string> signature) => string.Join(", ", signature.ParameterTypes);

        string TypeOf(EntityHandle handle) => handle.Kind switch
        {
            HandleKind.TypeDefinition => new Names().GetTypeFromDefinition(reader, (TypeDefinitionHandle)handle, 0),
            HandleKind.TypeReference => new Names().GetTypeFromReference(reader, (TypeReferenceHandle)handle, 0),
            HandleKind.TypeSpecification => reader.GetTypeSpecification((TypeSpecificationHandle)handle).DecodeSignature(new Names(), null),
            _ => "",
        };

        public void Dispose() => file.Dispose();
    }

    sealed class Names : ISignatureTypeProvider<string, object?>
    {
        public string GetTypeFromDefinition(MetadataReader reader, TypeDefinitionHandle handle, byte rawTypeKind)
        {
            var type = reader.GetTypeDefinition(handle);
            var name = reader.GetString(type.Name);
            return type.GetDeclaringType() is { IsNil: false } outer ? $"{GetTypeFromDefinition(reader, outer, 0)}+{name}" : Full(reader.GetString(type.Namespace), name);
        }

        public string GetTypeFromReference(MetadataReader reader, TypeReferenceHandle handle, byte rawTypeKind)
        {
            var type = reader.GetTypeReference(handle);
            var name = reader.GetString(type.Name);
            return type.ResolutionScope.Kind == HandleKind.TypeReference ? $"{GetTypeFromReference(reader, (TypeReferenceHandle)type.ResolutionScope, 0)}+{name}" : Full(reader.GetString(type.Namespace), name);
        }

        static string Full(string space, string name) => space.Length == 0 ? name : $"{space}.{name}";

        public string GetPrimitiveType(PrimitiveTypeCode typeCode) => typeCode.ToString();
        public string GetSZArrayType(string elementType) => elementType + "[]";
        public string GetArrayType(string elementType, ArrayShape shape) => elementType + "[,]";
        public string GetByReferenceType(string elementType) => elementType + "&";
        public string GetPointerType(string elementType) => elementType + "*";
        public string GetPinnedType(string elementType) => elementType;
        public string GetModifiedType(string modifier, string unmodifiedType, bool isRequired) => unmodifiedType;
        public string GetGenericInstantiation(string genericType, System.Collections.Immutable.ImmutableArray<string> typeArguments) => $"{genericType}<{string.Join(", ", typeArguments)}>";
        public string GetGenericTypeParameter(object? genericContext, int index) => $"!{index}";
        public string GetGenericMethodParameter(object? genericContext, int index) => $"!!{index}";
        public string GetFunctionPointerType(MethodSignature<string> signature) => "*";
        public string GetTypeFromSpecification(MetadataReader reader, object? genericContext, TypeSpecificationHandle handle, byte rawTypeKind) => reader.GetTypeSpecification(handle).DecodeSignature(this, genericContext);
    }
}
