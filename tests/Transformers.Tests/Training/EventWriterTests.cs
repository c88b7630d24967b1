namespace Transformers.Tests.Training;

public sealed class EventWriterTests : FolderTest
{
    [Fact]
    public void An_independent_reader_finds_scalars_texts_and_histograms_as_they_were_written()
    {
        string path;
        using (var writer = new EventWriter(Folder))
        {
            path = writer.Path;
            writer.AddScalars(7, [("loss/train", 1.5), ("optimizer/lr", 1e-3)]);
            writer.AddText(8, "samples/0", "Grüße, 世界");
            writer.AddHistogram(300, "weights", [0f, 0.1f, 0.9f, 1f, float.NaN], buckets: 2);
        }
        Assert.StartsWith("events.out.tfevents.", Path.GetFileName(path));
        var events = TensorBoardReader.Read(path);
        Assert.Equal("brain.Event:2", events[0].FileVersion);
        Assert.Equal([0L, 7, 8, 300], events.Select(e => e.Step));
        Assert.All(events, e => Assert.InRange(e.WallTime, 1.7e9, 1e11));
        Assert.Equal([("loss/train", 1.5f), ("optimizer/lr", 1e-3f)], events[1].Values.Select(v => (v.Tag, v.Scalar!.Value)));
        Assert.All(events[1].Values, v => Assert.Equal(("scalars", 1L), (v.Plugin, v.DataClass)));
        Assert.Equal(("samples/0", "Grüße, 世界", "text"), (events[2].Values[0].Tag, events[2].Values[0].Text, events[2].Values[0].Plugin));
        Assert.Equal([0.5, 1.0], events[3].Values[0].Limits!);
        Assert.Equal([2.0, 2.0], events[3].Values[0].Counts!);
    }

    [Fact]
    public void A_picture_is_read_with_its_sizes_and_the_bytes_of_its_file()
    {
        string path;
        byte[] png = [0x89, (byte)'P', 1, 2, 3];
        using (var writer = new EventWriter(Folder))
        {
            path = writer.Path;
            writer.AddImage(9, "pictures/attention", width: 40, height: 30, png);
        }
        var value = TensorBoardReader.Read(path)[1].Values.Single();
        Assert.Equal(("pictures/attention", "images", 3L), (value.Tag, value.Plugin, value.DataClass));
        var (height, width, colors, bytes) = value.Image!.Value;
        Assert.Equal((30L, 40L, 3L), (height, width, colors));
        Assert.Equal(png, bytes);
    }

    [Fact]
    public void A_resumed_run_starts_a_later_file_that_names_the_step_from_which_readers_drop_earlier_values()
    {
        using (var first = new EventWriter(Folder)) first.AddScalars(30, [("loss/train", 2)]);
        using (var second = new EventWriter(Folder, resumedStep: 20)) second.AddScalars(21, [("loss/train", 1)]);
        var files = Directory.GetFiles(Folder).Order(StringComparer.Ordinal).ToArray();
        Assert.Equal(2, files.Length);
        Assert.DoesNotContain(TensorBoardReader.Read(files[0]), e => e.SessionStatus is not null);
        var start = TensorBoardReader.Read(files[1])[1];
        Assert.Equal((21L, 1L), (start.Step, start.SessionStatus!.Value));
    }

    [Fact]
    public void A_folder_that_cannot_be_written_is_one_warning_and_training_continues()
    {
        var blocked = Write("file", "");
        var warnings = new List<string>();
        using var log = new TensorBoardLog(blocked, warnings.Add);
        log.Open(0);
        log.OnLog(new StepReport(1, 2, 1, 1, 1, 1, "tokens", 1, TimeSpan.Zero));
        log.OnSamples(1, ["text"]);
        Assert.Single(warnings);
    }
}
