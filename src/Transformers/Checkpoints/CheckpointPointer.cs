using Transformers.IO;

namespace Transformers.Checkpoints;

/// <summary>A small file beside the checkpoints that holds the name of one of them.</summary>
/// <param name="store">The folder of the checkpoints.</param>
/// <param name="name"><c>latest</c> or <c>best</c>.</param>
sealed class CheckpointPointer(string store, string name)
{
    string FilePath => Path.Combine(store, name);

    /// <summary>The step that it points to, if its text is a checkpoint's name and that folder exists.</summary>
    public long? Target
    {
        get
        {
            try
            {
                if (!File.Exists(FilePath)) return null;
                var text = BoundedFile.ReadText(FilePath, 64).TrimEnd('\n', '\r', ' ');
                return CheckpointName.TryParse(text, out var step) && Directory.Exists(Path.Combine(store, text)) ? step : null;
            }
            catch (UserException)
            {
                return null; // Unreadable points nowhere; the next save or start writes it anew.
            }
        }
    }

    /// <summary>Points to a step durably, or to none: then there is no file.</summary>
    public void Set(long? step)
    {
        if (step is null)
        {
            if (!File.Exists(FilePath)) return;
            File.Delete(FilePath);
            FolderSync.Sync(store);
        }
        else if (Target != step)
        {
            DurableFile.WriteText(FilePath, CheckpointName.Of(step.Value) + "\n");
        }
    }
}
