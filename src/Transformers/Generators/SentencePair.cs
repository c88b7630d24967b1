namespace Transformers.Generators;

/// <summary>A sentence and its translation.</summary>
/// <param name="Source">What is translated.</param>
/// <param name="Target">Its translation.</param>
public sealed record SentencePair(string Source, string Target);
