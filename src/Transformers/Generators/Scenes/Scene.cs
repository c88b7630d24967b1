namespace Transformers.Generators.Scenes;

/// <summary>The attributes of an object.</summary>
enum SceneAttribute { Size, Color, Material, Shape }

/// <summary>An object: the index of its word for each attribute.</summary>
readonly record struct Thing(int Size, int Color, int Material, int Shape)
{
    public int this[SceneAttribute attribute] => attribute switch
    {
        SceneAttribute.Size => Size,
        SceneAttribute.Color => Color,
        SceneAttribute.Material => Material,
        _ => Shape,
    };

    public Thing With(SceneAttribute attribute, int value) => attribute switch
    {
        SceneAttribute.Size => this with { Size = value },
        SceneAttribute.Color => this with { Color = value },
        SceneAttribute.Material => this with { Material = value },
        _ => this with { Shape = value },
    };

    /// <summary>Whether it is one of the combinations of attributes that never occur in training: one in five.</summary>
    public bool IsHeldOut => (Shape + Color + Size + 2 * Material) % 5 == 0;

    /// <summary>Whether another object has the same shape and colour, which is how texts name objects.</summary>
    public bool HasNameOf(Thing other) => (Shape, Color) == (other.Shape, other.Color);

    /// <summary>Such as <c>red circle</c>.</summary>
    public string Name => $"{SceneWords.Colors[Color]} {SceneWords.Shapes[Shape]}";

    /// <summary>Such as <c>large red metal circle</c>.</summary>
    public string Description => $"{SceneWords.Sizes[Size]} {SceneWords.Colors[Color]} {SceneWords.Materials[Material]} {SceneWords.Shapes[Shape]}";
}

/// <summary>The words of scenes.</summary>
static class SceneWords
{
    public static readonly string[] Sizes = ["small", "large"], Colors = ["red", "green", "blue", "yellow", "purple"];
    public static readonly string[] Materials = ["rubber", "metal"], Shapes = ["circle", "square", "triangle", "cross", "ring"];

    /// <summary>Where the first of two objects is, seen from the second.</summary>
    public static readonly string[] Relations = ["left of", "right of", "above", "below"];

    public static string[] Of(SceneAttribute attribute) => attribute switch
    {
        SceneAttribute.Size => Sizes,
        SceneAttribute.Color => Colors,
        SceneAttribute.Material => Materials,
        _ => Shapes,
    };
}

/// <summary>An object in a cell of the scene's grid.</summary>
readonly record struct PlacedThing(Thing Thing, int Row, int Column)
{
    /// <summary>Whether it has a relation in <see cref="SceneWords.Relations"/> to another object.</summary>
    public bool Is(int relation, PlacedThing other) => relation switch
    {
        0 => Column < other.Column,
        1 => Column > other.Column,
        2 => Row < other.Row,
        _ => Row > other.Row,
    };

    /// <summary>Whether it is at the edge in a direction from the middle, in the order of <see cref="SceneWords.Relations"/>, and not in a corner.</summary>
    public bool IsAtEdge(int direction)
    {
        const int last = SceneSampler.Side - 1;
        return direction switch
        {
            0 => Column == 0 && Row is > 0 and < last,
            1 => Column == last && Row is > 0 and < last,
            2 => Row == 0 && Column is > 0 and < last,
            _ => Row == last && Column is > 0 and < last,
        };
    }
}

/// <summary>What a question asks about.</summary>
public enum SceneQuestion
{
    /// <summary>The colour of an object.</summary>
    Color,
    /// <summary>The shape of an object.</summary>
    Shape,
    /// <summary>Whether an object is to the left, to the right, above or below the middle of the image; it is at an edge, and not in a corner.</summary>
    Position,
    /// <summary>How many objects fit a description.</summary>
    Count,
    /// <summary>Whether an object is to the left, to the right, above or below another, which is in its row or its column.</summary>
    Relation,
    /// <summary>Whether an object is larger or smaller than another, or whether there are more objects of one description than of another.</summary>
    Comparison,
}

/// <summary>The splits of generated scenes.</summary>
public enum SceneSplit
{
    /// <summary>Training.</summary>
    Train,
    /// <summary>Validation: the same combinations of attributes as in training.</summary>
    Validation,
    /// <summary>Test: the same combinations of attributes as in training.</summary>
    Test,
    /// <summary>A test on combinations of attributes that never occur in training.</summary>
    Unseen,
}

/// <summary>A scene and its texts.</summary>
/// <param name="Things">The objects; drawn by <see cref="SceneDrawing"/>.</param>
/// <param name="Question">The question.</param>
/// <param name="Answer">Its answer.</param>
/// <param name="Kind">What it asks about.</param>
/// <param name="Caption">A true sentence about the scene.</param>
/// <param name="FalseCaption">The same sentence with one word changed, so that it is false.</param>
sealed record Scene(IReadOnlyList<PlacedThing> Things, string Question, string Answer, SceneQuestion Kind, string Caption, string FalseCaption);
