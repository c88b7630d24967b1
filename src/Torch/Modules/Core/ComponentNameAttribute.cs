namespace TorchSharp.Utils;

/// <summary>The name under which a field is registered, where it is not the field's own.</summary>
[AttributeUsage(AttributeTargets.Field)]
public class ComponentNameAttribute : Attribute
{
    public string? Name { get; set; }
}
