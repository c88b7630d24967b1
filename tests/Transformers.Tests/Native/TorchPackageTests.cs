namespace Transformers.Tests.Native;

public sealed class TorchPackageTests : FolderTest
{
    readonly TorchPackage package;

    public TorchPackageTests() => package = new("test-x64", "2.10.0", At("packages"));

    // A source of packages that alone is asked: it is named in a NuGet.config.
    string Feed(bool exists = true)
    {
        var feed = At("feed");
        if (exists) Directory.CreateDirectory(feed);
        Write("NuGet.config", """
            <configuration><packageSources><clear /><add key="feed" value="feed" /></packageSources></configuration>
            """);
        return feed;
    }

    void Publish(string feed)
    {
        using var archive = ZipFile.Open(Path.Combine(feed, $"{package.Id}.{package.Version}.nupkg"), ZipArchiveMode.Create);
        Write($"{package.Id}.nuspec", $"""
            <package><metadata><id>{package.Id}</id><version>{package.Version}</version><authors>test</authors><description>test</description></metadata></package>
            """);
        Write($"runtimes/{package.Platform}/native/{SharedLibrary.FileName("torch_cpu")}", "a library");

        void Write(string name, string text)
        {
            using var writer = new StreamWriter(archive.CreateEntry(name).Open());
            writer.Write(text);
        }
    }

    [Fact]
    [Trait("Category", "slow")]
    public async Task It_is_fetched_from_the_sources_of_the_users_settings_by_several_processes_at_once()
    {
        Publish(Feed());
        Assert.Null(package.Candidate);
        var sdk = DotNetSdk.Find()!;
        var both = await Task.WhenAll(Enumerable.Range(0, 2).Select(_ => Task.Run(() => package.Fetch(sdk, Folder))));
        Assert.All(both, candidate => Assert.Null(candidate.Fault()));
        Assert.Equal(package.Candidate, both[0]);
        Assert.Equal("a library", File.ReadAllText(Path.Combine(package.Folder, SharedLibrary.FileName("torch_cpu"))));
    }

    [Theory]
    [InlineData(true, "NU1101: Unable to find package libtorch-cpu-test-x64")]
    [InlineData(false, "NU1301: The local source")]
    [Trait("Category", "slow")]
    public void What_NuGet_refuses_is_one_message_with_its_reason_and_a_remedy(bool exists, string reason)
    {
        Feed(exists);
        var problem = Assert.Single(Assert.Throws<EngineMissingException>(() => package.Fetch(DotNetSdk.Find()!, Folder)).Problems);
        Assert.StartsWith($"no libtorch was found, and libtorch-cpu-test-x64 2.10.0 could not be downloaded: {reason}", problem.Message);
        Assert.DoesNotContain("fetch.csproj", problem.Message);
        Assert.DoesNotContain("\n", problem.Message);
        Assert.Contains("LIBTORCH", problem.Hint);
    }

    [Fact]
    public void A_program_that_does_not_start_is_a_message_too() =>
        Assert.Contains("could not be downloaded: ", Assert.Single(Assert.Throws<EngineMissingException>(() => package.Fetch(At("dotnet"), Folder)).Problems).Message);

    [Fact]
    public void A_package_that_was_cut_off_while_it_was_unpacked_is_not_used()
    {
        Directory.CreateDirectory(package.Folder);
        File.WriteAllText(Path.Combine(package.Folder, SharedLibrary.FileName("torch_cpu")), "half of a li");
        Assert.Null(package.Candidate);
        File.WriteAllText(Path.Combine(package.Root, package.Id, package.Version, ".nupkg.metadata"), "{}");
        Assert.Equal(package.Folder, package.Candidate!.Folder);
    }
}
