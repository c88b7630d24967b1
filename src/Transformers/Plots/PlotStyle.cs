namespace Transformers.Plots;

/// <summary>The style sheet of all plots.</summary>
/// <remarks>Series are coloured after Okabe and Ito (2008), which the common kinds of colour blindness tell apart, and differ in dashes too.</remarks>
static class PlotStyle
{
    /// <summary>How many series have a look of their own.</summary>
    internal const int Series = 6;

    static readonly string[] Light = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b07d00", "#5b5b5b"];
    static readonly string[] Dark = ["#56b4e9", "#e69f00", "#3fc39b", "#e4a5c8", "#f0e442", "#bdbdbd"];
    static readonly string[] Dashes = ["none", "none", "7 3", "2 3", "9 3 2 3", "5 5"];

    /// <summary>Light colours first; those for dark surroundings after them.</summary>
    internal static string Sheet { get; } = Make();

    static string Make()
    {
        var light = "";
        var dark = "";
        for (var i = 0; i < Series; i++)
        {
            light += $".s{i}{{stroke:{Light[i]};stroke-dasharray:{Dashes[i]}}}.f{i}{{fill:{Light[i]}}}";
            dark += $".s{i}{{stroke:{Dark[i]}}}.f{i}{{fill:{Dark[i]}}}";
        }
        return ".plot{font-family:system-ui,-apple-system,'Segoe UI','DejaVu Sans',Helvetica,Arial,sans-serif}"
            + ".paper{fill:#ffffff}.ink{fill:#222222}.soft{fill:#595959}.title{font-size:17px;font-weight:600}.label{font-size:13px}.small{font-size:11px}"
            + ".axis{stroke:#555555;stroke-width:1}.grid{stroke:#e2e2e2;stroke-width:1}.frame{fill:none;stroke:#999999;stroke-width:1}"
            + ".series{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}.faint{stroke-width:1;opacity:.35}.on-dark{fill:#ffffff}.on-light{fill:#222222}"
            + light
            + "@media (prefers-color-scheme:dark){.paper{fill:#17191c}.ink{fill:#ececec}.soft{fill:#b4b4b4}.axis{stroke:#a0a0a0}.grid{stroke:#34373c}.frame{stroke:#7a7a7a}"
            + dark + "}";
    }

    /// <summary>The look of a series: its colour and dashes.</summary>
    internal static string Stroke(int index) => $"s{index % Series}";

    /// <summary>The colour of a series' marks.</summary>
    internal static string Fill(int index) => $"f{index % Series}";
}
