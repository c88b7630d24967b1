namespace Transformers.Evaluation.Scoring;

/// <summary>One row of a batch that is scored: what the model reads, and the tokens that it is asked about.</summary>
/// <param name="Text">The number of the text within its chunk.</param>
/// <param name="First">The place in the text of the first token that is asked about.</param>
/// <param name="Ids">What the model reads.</param>
/// <param name="Place">The place in the row whose vector tells of that token; the next tokens stand at the next places.</param>
/// <param name="Targets">The tokens that are asked about.</param>
/// <param name="Source">The source that an encoder reads.</param>
sealed record ScoringRow(int Text, int First, long[] Ids, int Place, long[] Targets, long[]? Source = null);
