namespace Transformers.Generators;

/// <summary>A text with the name of its class.</summary>
/// <param name="Text">The text.</param>
/// <param name="Label">The class's name as it is written in the file.</param>
/// <param name="Line">The line on which it starts, from 1; 0 where it comes from no file.</param>
public sealed record LabelledExample(string Text, string Label, int Line = 0);
