namespace Transformers.Data.Text;

/// <summary>How a held-out split is taken from a source.</summary>
public enum HoldOutKind
{
    /// <summary><see cref="Tail"/> below 100 documents, else <see cref="Documents"/>.</summary>
    Auto,
    /// <summary>The last characters of the whole text, as nanoGPT does; a document may be cut in two.</summary>
    Tail,
    /// <summary>Whole documents, chosen by a hash of their text: the same document is always on the same side.</summary>
    Documents,
}

/// <summary>Which part is held out for validation.</summary>
/// <param name="Fraction">From 0 to below 1: of the characters (tail) or of the documents.</param>
/// <param name="Kind">How.</param>
public sealed record HoldOut(double Fraction = 0.1, HoldOutKind Kind = HoldOutKind.Auto)
{
    /// <summary>From so many documents on, <see cref="HoldOutKind.Auto"/> holds out whole documents.</summary>
    public const int EnoughDocuments = 100;
}
