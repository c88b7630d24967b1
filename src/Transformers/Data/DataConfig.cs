namespace Transformers.Data;

/// <summary>What is learnt from; closed by <c>kind</c>.</summary>
public abstract record DataConfig;
