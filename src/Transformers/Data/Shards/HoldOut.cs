namespace Transformers.Data.Shards;

/// <summary>Which part is held out for validation.</summary>
/// <param name="Fraction">From 0 to below 1: of the characters (tail) or of the documents.</param>
/// <param name="Mode">How.</param>
public sealed record HoldOut(double Fraction = 0.1, HoldoutMode Mode = HoldoutMode.Auto)
{
    /// <summary>From so many documents on, <see cref="HoldoutMode.Auto"/> holds out whole documents.</summary>
    public const int EnoughDocuments = 100;
}
