using System.Xml.Linq;

namespace Transformers.Tests.Samples;

[Trait("Category", "slow")]
public sealed class PackageTests : TempFolderTest
{
    [Fact]
    public void The_library_packs_with_its_page_and_its_kernels_and_names_what_it_needs()
    {
        Programs.Run("dotnet", ["pack", Repository.PathOf("src", "Transformers"), "-c", Repository.Configuration, "--no-build", "-o", folder.FullPath, "-nologo"]).Done();
        var version = typeof(UserException).Assembly.GetName().Version!.ToString(3);
        using var package = ZipFile.OpenRead(folder[$"TransformerCli.Transformers.{version}.nupkg"]);
        var names = package.Entries.Select(entry => entry.FullName).ToList();
        Assert.All(["lib/net10.0/Transformers.dll", "lib/net10.0/Transformers.xml", "README.md", "THIRD-PARTY-NOTICES.md"], file => Assert.Contains(file, names));
        // The kernels where they have been built; everything else that is native comes with the packages it depends on.
        string[] kernels = File.Exists(Repository.PathOf("artifacts", "native", "libtransformer_kernels.so")) ? ["runtimes/linux-x64/native/libtransformer_kernels.so"] : [];
        Assert.Equal(kernels, names.Where(name => name.StartsWith("runtimes/", StringComparison.Ordinal)));

        using var stream = package.GetEntry("TransformerCli.Transformers.nuspec")!.Open();
        var metadata = XDocument.Load(stream).Root!.Elements().First();
        string Of(string name) => metadata.Elements().First(element => element.Name.LocalName == name).Value;
        Assert.Equal(("TransformerCli.Transformers", version, "README.md", "MIT"), (Of("id"), Of("version"), Of("readme"), Of("license")));
        Assert.True(Of("description").Length > 40 && Of("tags").Contains("libtorch", StringComparison.Ordinal));
        var needs = metadata.Descendants().Where(element => element.Name.LocalName == "dependency").Select(element => (string?)element.Attribute("id")).ToList();
        Assert.Contains("TorchSharp", needs);
        // Half a gigabyte for one platform: what the program fetches or its user chooses, not what every project gets.
        Assert.DoesNotContain(needs, id => id!.StartsWith("libtorch", StringComparison.Ordinal));
        // Whoever wants these interfaces takes the package below.
        Assert.DoesNotContain(needs, id => id!.StartsWith("Microsoft.Extensions.AI", StringComparison.Ordinal));
    }

    [Fact]
    public void The_package_for_Microsoft_Extensions_AI_needs_the_library_and_the_interfaces()
    {
        Programs.Run("dotnet", ["pack", Repository.PathOf("src", "Transformers.Extensions.AI"), "-c", Repository.Configuration, "--no-build", "-o", folder.FullPath, "-nologo"]).Done();
        var version = typeof(UserException).Assembly.GetName().Version!.ToString(3);
        using var package = ZipFile.OpenRead(folder[$"TransformerCli.Transformers.Extensions.AI.{version}.nupkg"]);
        Assert.All(["lib/net10.0/Transformers.Extensions.AI.dll", "lib/net10.0/Transformers.Extensions.AI.xml", "README.md"], file => Assert.NotNull(package.GetEntry(file)));
        using var stream = package.GetEntry("TransformerCli.Transformers.Extensions.AI.nuspec")!.Open();
        var needs = XDocument.Load(stream).Descendants().Where(element => element.Name.LocalName == "dependency").Select(element => (string?)element.Attribute("id")).ToList();
        Assert.All(["Microsoft.Extensions.AI.Abstractions", "TransformerCli.Transformers"], id => Assert.Contains(id, needs));
        Assert.DoesNotContain(needs, id => id!.StartsWith("libtorch", StringComparison.Ordinal));
    }
}
