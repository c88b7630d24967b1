using System.IO.Compression;
using System.Xml.Linq;
using TestSupport;

namespace Transformers.Tests.Samples;

public sealed class PackageTests
{
    [Theory]
    [InlineData("Transformers", "TransformerCli.Transformers", "lib/net10.0/Transformers.dll", "lib/net10.0/Transformers.xml")]
    [InlineData("Torch", "TransformerCli.Torch", "lib/net10.0/Transformer.Torch.dll")]
    public void The_library_packs_with_its_page_and_names_what_it_needs(string project, string id, params string[] files)
    {
        using var folder = new TempFolder();
        var (code, output, error) = TinyGptTests.Run("dotnet", ["pack", Repository.PathOf("src", project), "-c", "Release", "--no-build", "-o", folder.FullPath, "-nologo"]);
        Assert.True(code == 0, output + error);
        var version = typeof(UserException).Assembly.GetName().Version!.ToString(3);
        using var package = ZipFile.OpenRead(folder[$"{id}.{version}.nupkg"]);
        var names = package.Entries.Select(entry => entry.FullName).ToList();
        Assert.All(files.Append("README.md"), file => Assert.Contains(file, names));
        // Native code is built on the machine that runs it.
        Assert.DoesNotContain(names, name => name.EndsWith(".so", StringComparison.Ordinal) || name.StartsWith("runtimes/", StringComparison.Ordinal));

        using var stream = package.GetEntry(id + ".nuspec")!.Open();
        var metadata = XDocument.Load(stream).Root!.Elements().First();
        string Of(string name) => metadata.Elements().First(element => element.Name.LocalName == name).Value;
        Assert.Equal((id, version, "README.md"), (Of("id"), Of("version"), Of("readme")));
        Assert.True(Of("description").Length > 40 && Of("tags").Contains("libtorch", StringComparison.Ordinal));
        var needs = metadata.Descendants().Where(element => element.Name.LocalName == "dependency").Select(element => (string?)element.Attribute("id")).ToList();
        if (project == "Transformers") Assert.Equal(["Google.Protobuf", "System.Numerics.Tensors", "TransformerCli.Torch", "YamlDotNet"], needs.Order(StringComparer.Ordinal));
        else Assert.Empty(needs);
    }
}
