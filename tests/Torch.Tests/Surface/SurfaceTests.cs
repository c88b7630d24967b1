using TestSupport;
using TorchSharp;

namespace Torch.Tests.Surface;

/// <summary>The binding's public surface is TorchSharp's: no member of another name, order of parameters or default.</summary>
/// <remarks>
/// <c>torchsharp-0.107.txt</c> holds the lines of this binding that TorchSharp 0.107 has too. Where the whole list of TorchSharp's
/// signatures lies beside the checkout, <c>UPDATE_SURFACE=1 dotnet test tests/Torch.Tests --filter Surface</c> writes the file
/// anew, and a test holds it to that list.
/// </remarks>
public sealed class SurfaceTests
{
    static readonly string Known = Repository.PathOf("tests", "Torch.Tests", "Surface", "torchsharp-0.107.txt");
    static readonly string Whole = Repository.SharedData("..", "torchsharp-api.txt");

    [Fact]
    public void Every_public_member_is_one_of_TorchSharps()
    {
        var mine = SurfaceReader.Read(typeof(torch).Assembly).Order(StringComparer.Ordinal).Distinct().ToArray();
        Assert.True(mine.Length > 1000, $"only {mine.Length} members were seen");
        if (Environment.GetEnvironmentVariable("UPDATE_SURFACE") == "1" && File.Exists(Whole))
            File.WriteAllLines(Known, mine.Where(new SignatureList(File.ReadLines(Whole)).Has));
        var known = File.ReadAllLines(Known).ToHashSet();
        var strange = mine.Where(line => !known.Contains(line)).ToArray();
        var list = new SignatureList(File.Exists(Whole) ? File.ReadLines(Whole) : known);
        Assert.True(strange.Length == 0, $"{strange.Length} members are not TorchSharp's; what is an extension belongs in TorchSharp.Extensions.\n" +
            string.Join("\n", strange.Take(80).Select(line => $"{line}\n    nearest: {list.Nearest(line)}")));
    }

    [Fact]
    public void Every_signature_of_the_list_is_in_the_binding()
    {
        var mine = SurfaceReader.Read(typeof(torch).Assembly).ToHashSet();
        Assert.Empty(File.ReadLines(Known).Except(mine));
    }

    [SharedDataFact("..", "torchsharp-api.txt")]
    public void The_list_holds_nothing_that_TorchSharps_does_not()
    {
        var whole = new SignatureList(File.ReadLines(Whole));
        var lines = File.ReadAllLines(Known);
        Assert.True(lines.Length > 1000);
        Assert.Empty(lines.Where(line => !whole.Has(line)).Select(line => $"{line}\n    nearest: {whole.Nearest(line)}"));
    }

    [Fact]
    public void A_wrong_default_or_name_is_told_apart()
    {
        var list = new SignatureList(["TorchSharp.torch.Tensor method Tensor add(Tensor target)", "TorchSharp.A property int x { get; set; }", "TorchSharp.B type class B : Module, IDisposable"]);
        Assert.False(list.Has("TorchSharp.torch.Tensor method Tensor add(Tensor other)"));
        Assert.Equal("TorchSharp.torch.Tensor method Tensor add(Tensor target)", list.Nearest("TorchSharp.torch.Tensor method Tensor add(Tensor other)"));
        Assert.True(list.Has("TorchSharp.A property int x { get; }"));
        Assert.False(list.Has("TorchSharp.A property long x { get; }"));
        Assert.True(list.Has("TorchSharp.B type class B : Module"));
        Assert.False(list.Has("TorchSharp.B type class B : Module, ICloneable"));
    }
}

/// <summary>Signatures to compare with. Fewer accessors or interfaces than listed are fine, others are not.</summary>
sealed class SignatureList(IEnumerable<string> lines)
{
    readonly HashSet<string> lines = [.. lines.Select(line => line.Replace(" [Obsolete]", ""))];

    internal bool Has(string line)
    {
        if (lines.Contains(line)) return true;
        if (line.EndsWith("{ get; }", StringComparison.Ordinal)) return lines.Contains(line[..^2] + " set; }") || lines.Contains(line.Replace("{ get; }", "{ get; set; }"));
        var (head, bases) = Bases(line);
        return line.Contains(" type ", StringComparison.Ordinal)
            && lines.Any(known => known.StartsWith(head, StringComparison.Ordinal) && Bases(known) is var (knownHead, knownBases) && knownHead == head && bases.IsSubsetOf(knownBases));
    }

    static (string head, HashSet<string> bases) Bases(string line)
    {
        var parts = line.Split(" where ")[0].Split(" : ", 2);
        return (parts[0], parts.Length == 2 ? [.. parts[1].Split(", ")] : []);
    }

    /// <summary>The listed signature of the same type that differs in the fewest letters.</summary>
    internal string Nearest(string line)
    {
        var owner = line.Split(' ')[0] + " ";
        var name = Name(line);
        var near = lines.Where(known => known.StartsWith(owner, StringComparison.Ordinal)).ToArray();
        var named = near.Where(known => Name(known) == name).ToArray();
        return (named.Length > 0 ? named : near).MinBy(known => Distance(known, line)) ?? "(the type is not listed)";
    }

    static string Name(string line) => line.Split('(', '{', '=')[0].TrimEnd().Split(' ')[^1];

    static int Distance(string one, string other)
    {
        var row = Enumerable.Range(0, other.Length + 1).ToArray();
        for (var i = 1; i <= one.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= other.Length; j++)
                (diagonal, row[j]) = (row[j], Math.Min(Math.Min(row[j], row[j - 1]) + 1, diagonal + (one[i - 1] == other[j - 1] ? 0 : 1)));
        }
        return row[^1];
    }
}
