namespace Transformers.Tests.Data.Series;

public sealed class SeriesTableTests : TempFolderTest
{
    SeriesTable Read(string text, string? time = null, string[]? columns = null, string name = "a.csv")
    {
        folder.Write(name, text);
        return SeriesTable.Read(new SeriesFileConfig { Path = folder[name], Time = time, Columns = columns });
    }

    string Message(string text, string? time = null, string[]? columns = null) => Assert.Throws<UserException>(() => Read(text, time, columns)).Message;

    [Fact]
    public void A_column_is_a_series_and_a_missing_value_is_not_a_number()
    {
        var table = Read("date,load,\"price, net\"\n2024-01-01,1,10\n2024-01-02,NA,11.5\n2024-01-03,,1e1\n");
        Assert.Equal(["load", "price, net"], table.Names);
        Assert.Equal([1, double.NaN, double.NaN], table.Values[0]);
        Assert.Equal([10, 11.5, 10], table.Values[1]);
        Assert.Equal("2024-01-04", table.Time.LabelOf(3));
    }

    [Fact]
    public void Months_are_of_different_lengths_and_still_one_step()
    {
        var table = Read("month,x\n2023-11,1\n2023-12,2\n2024-01,3\n2024-02,4\n");
        Assert.Equal(4, table.Length);
        Assert.Equal("2024-03", table.Time.LabelOf(4));
    }

    [Fact]
    public void Two_timestamps_may_have_the_same_local_time_where_the_clock_is_set_back()
    {
        var table = Read("time,x\n2023-10-29T02:00:00+02:00,1\n2023-10-29T02:00:00+01:00,2\n");
        Assert.Equal([1, 2], table.Values[0]);
        Assert.Equal("2023-10-29T04:00:00+02:00", table.Time.LabelOf(2));
    }

    [Theory]
    [InlineData("2000-01", "2000-02", "2000-04")]
    [InlineData("2000-01-01", "2000-02-01", "2000-04-01")]
    [InlineData("2000/01/30", "2000/01/31", "2000/02/02")]
    [InlineData("2000-01-01 22:00", "2000-01-01 23:00", "2000-01-02 01:00")]
    [InlineData("2000-01-01T22:00:00Z", "2000-01-01T23:00:00Z", "2000-01-02T01:00:00Z")]
    [InlineData("2000-01-01T22:00:00-05:00", "2000-01-01T23:00:00-05:00", "2000-01-02T01:00:00-05:00")]
    [InlineData("2000-01-01T00:00:00+01:00", "2000-02-01T00:00:00+01:00", "2000-04-01T00:00:00+01:00")]
    [InlineData("2000-01-01 00:00:00.500", "2000-01-01 00:00:01.000", "2000-01-01 00:00:02.000")]
    [InlineData("2000-01-01", "2000-01-01 12:00", "2000-01-02T12:00:00")]
    [InlineData("2000-01-31", "2000-02-29", "2000-04-30")]
    [InlineData("1999-12-31", "2000-03-31", "2000-09-30")]
    [InlineData("1999", "2000", "2002")]
    public void Later_steps_are_written_as_the_timestamps_of_the_table_are(string first, string second, string later) =>
        Assert.Equal(later, Read($"time,x\n{first},1\n{second},2\n").Time.LabelOf(3));

    [Fact]
    public void Stamps_end_with_the_last_year_that_there_is()
    {
        Assert.Equal("9999-01-01", Read("date,x\n2024-01-01,1\n9000-01-01,2\n").Time.LabelOf(9));
        Assert.Equal("9999-01-01", Read("date,x\n9998-12-30,1\n9998-12-31,2\n").Time.LabelOf(9));
    }

    [Fact]
    public void A_row_that_is_left_out_is_a_step_without_values()
    {
        var table = Read("date,x\n2024-01-01,1\n2024-01-02,2\n2024-01-05,5\n");
        Assert.Equal([1, 2, double.NaN, double.NaN, 5], table.Values[0]);
        Assert.Equal("2024-01-06", table.Time.LabelOf(5));
    }

    [Fact]
    public void Rounded_numbers_of_a_year_are_at_equal_distances()
    {
        var table = Read("\"time\",\"value\"\n1949,112\n1949.08333333333,118\n1949.16666666667,132\n1949.25,129\n");
        Assert.Equal([112, 118, 132, 129], table.Values[0]);
        Assert.Equal("1949.333333", table.Time.LabelOf(4));
    }

    [Fact]
    public void A_table_needs_no_names_and_no_times()
    {
        var table = Read("1\t2\n3\t4\n", name: "a.tsv");
        Assert.Equal(["1", "2"], table.Names);
        Assert.Equal([2, 4], table.Values[1]);
        Assert.Equal("2", table.Time.LabelOf(2));
    }

    [Fact]
    public void Columns_can_be_chosen()
    {
        var table = Read("when,a,b,c\nx,1,2,z\ny,3,4,z\n", columns: ["b", "a"]);
        Assert.Equal(["b", "a"], table.Names);
        Assert.Equal([2, 4], table.Values[0]);
    }

    [Theory]
    [InlineData("date,x\n2024-01-01,1\n2024-01-02,many\n", "a.csv:3: 'many' in column 'x' is not a number")]
    [InlineData("date,x\n2024-01-02,1\n2024-01-01,2\n", "a.csv:3: the timestamp '2024-01-01' must be after that of the previous row (2024-01-02)")]
    [InlineData("date,x\n2024-01-01,1\nsoon,2\n", "a.csv:3: 'soon' is not a timestamp")]
    [InlineData("time,x\n0,1\n1,2\n2.5,3\n", "a.csv:4: the timestamp '2.5' is 1.5 steps after that of the previous row")]
    [InlineData("time,x\n0,1\n1,2\n90000000,3\n", "a.csv:4: 89999998 steps are missing before the timestamp '90000000'")]
    [InlineData("date;x;y\n2024-01-01;1.5;2\n", "a.csv:2: '2024-01-01;1.5;2' in column 'date;x;y' is not a number (columns are separated by semicolons")]
    [InlineData("date;x\n2024-01-01;1,5\n", "a.csv:2: the line has 2 columns, but the first line has 1 (columns are separated by semicolons")]
    [InlineData("x\ty\n1\t2\n", "a.csv:2: '1\\t2' in column 'x\\ty' is not a number (columns are separated by tabs: name the file .tsv)")]
    [InlineData("x,y\n\"1,5\",2\n", "a.csv:2: '1,5' in column 'x' is not a number (write 1.5: numbers have a decimal point)")]
    [InlineData("x,y\n\"1,500\",2\n", "a.csv:2: '1,500' in column 'x' is not a number (write 1500: no thousands separators)")]
    [InlineData("x,y\ninf,2\n", "a.csv:2: 'inf' in column 'x' is not a number")]
    [InlineData("x,y\nInfinity,2\n", "a.csv:2: the value Infinity in column 'x' must be between -1e30 and 1e30")]
    [InlineData("x,y,x\n1,2,3\n", "a.csv:1: 2 columns have the name 'x' (give each column a name of its own)")]
    [InlineData("id,date\n1,2024-01-01\n", "a.csv:2: '2024-01-01' in column 'date' is not a number (leave the field of a missing value empty, or name the series' columns in data.source.columns, and the column of timestamps in data.source.time)")]
    [InlineData("x,y\n1,2\n3\n", "a.csv:3: the line has 1 column, but the first line has 2")]
    [InlineData("x\n1\n\n3\n", "a.csv:3: the line is blank (write NA for a missing value)")]
    [InlineData("x\n1e31\n", "a.csv:2: the value 1e31 in column 'x' must be between -1e30 and 1e30")]
    [InlineData("x,y\n", "a.csv: the table has names but no values")]
    [InlineData("", "a.csv: the table has no rows")]
    public void A_table_that_is_wrong_says_where(string text, string message) => Assert.Contains(message, Message(text));

    [Fact]
    public void A_byte_order_mark_quotes_and_time_zones_are_read()
    {
        var table = Read("\uFEFF\"time\",\"x\"\n\"2024-01-01 00:00:00+01:00\",\"1.5\"\n\"2024-01-01 01:00:00+01:00\",\"2\"\n");
        Assert.Equal(["x"], table.Names);
        Assert.Equal([1.5, 2], table.Values[0]);
        Assert.Equal("2024-01-01 02:00:00+01:00", table.Time.LabelOf(2));
    }

    [Fact]
    public void A_compressed_table_has_the_separator_of_its_name() => Assert.Equal(["x", "y"], Read("x\ty\n1\t2\n", name: "a.tsv.gz").Names);

    [Fact]
    public void Series_without_values_or_with_one_value_only_are_named()
    {
        Assert.Empty(Read("x,y\n1,2\n3,4\n").Warnings);
        Assert.Equal(["the series 'y' has no values", "2 series, 'x', 'z', have a single value that never changes"], Read("x,y,z\n1,,0\n1,,0\n").Warnings);
    }

    const string Long = "id,t,value\n1,0,5\n1,1,6.5\n1,2,7\n2,0,1\n2,1,2.5\n2,2,3\n";

    [Theory]
    [InlineData(Long, "all 3 columns were read as series, but the table seems to have one row per series and step, with the series in column 'id' and the step in column 't': "
        + "write one row per step and one column per series; in pandas: table.pivot(index=\"t\", columns=\"id\", values=\"value\").to_csv(path); or set data.source.columns to the columns that are series")]
    [InlineData("t,id,value\n0,1,5\n0,2,6.5\n1,1,7\n1,2,1\n2,1,2.5\n2,2,3\n", "with the series in column 'id' and the step in column 't'")]
    [InlineData("k,load\n10,5\n12,3\n14,9\n", "column 'k' rises by the same amount in every row, and was read as a series: if it has the timestamps, set data.source.time to 'k'; otherwise data.source.columns")]
    public void Numbers_that_look_like_the_names_or_the_times_of_series_are_warned_of(string text, string warning) =>
        Assert.Contains(warning, Assert.Single(Read(text).Warnings));

    [Theory]
    [InlineData("a,b,c\n1,4,2\n2,1,9\n4,2,5\n3,7,8\n")]
    [InlineData("a,b,c\n1,0,5\n1,1,6\n2,0,7\n1,2,8\n")]
    [InlineData("a,b\n5,1\n4,2\n3,3\n")]
    [InlineData("a,b,c\n5,1,1\n5,2,2\n6,3,3\n6,4,4\n")]
    public void Other_numbers_are_not(string text) => Assert.Empty(Read(text).Warnings);

    [Fact]
    public void Who_names_the_series_or_the_times_is_not_warned()
    {
        Assert.Empty(Read(Long, columns: ["id", "t", "value"]).Warnings);
        Assert.Empty(Read("k,load\n10,5\n12,3\n14,9\n", time: "k").Warnings);
        Assert.Equal(["load"], Read("k,load\n10,5\n12,3\n14,9\n", time: "k").Names);
    }

    [Fact]
    public void Words_that_name_the_series_of_a_row_are_explained() =>
        Assert.Contains("the table has one row per series and step: column 'shop' names the series, and column 'k' has the steps of each (write one row per step and one column per series; in pandas: table.pivot(index=\"k\", columns=\"shop\", values=\"sales\")",
            Message("shop,k,sales\nnorth,1,5\nnorth,2,6\nsouth,1,7\nsouth,2,8\n"));

    [Fact]
    public void A_folder_is_no_table() =>
        Assert.Contains("is a folder, but a file is needed", Assert.Throws<UserException>(() => SeriesTable.Read(new SeriesFileConfig { Path = folder.FullPath })).Message);

    [Fact]
    public void A_column_that_is_not_there_is_named_with_those_that_are()
    {
        Assert.Contains("no column named 'z' (the columns are 'x', 'y')", Message("x,y\n1,2\n", columns: ["z"]));
        Assert.Contains("no column named 'when'", Message("x,y\n1,2\n", time: "when"));
    }

    [Fact]
    public void Damaged_tables_are_read_or_refused_in_bounded_memory()
    {
        byte[][] seeds =
        [
            "date,load,\"price, net\"\n2024-01-01,1,10\n2024-01-02,NA,11.5\n2024-01-03,,1e1\n"u8.ToArray(),
            "\"time\",\"value\"\n1949,112\n1949.08333333333,118\n1949.16666666667,132\n1949.25,129\n"u8.ToArray(),
            "1,2\n3,4\n5,-6.5\n"u8.ToArray(),
        ];
        var path = folder["mutant.csv"];
        var accepted = Mutants.Read(Mutants.Count / 2, seeds, bytes =>
        {
            File.WriteAllBytes(path, bytes);
            var table = SeriesTable.Read(new SeriesFileConfig { Path = path });
            Assert.All(table.Values, values => Assert.All(values, value => Assert.True(double.IsNaN(value) || Math.Abs(value) <= 1e30)));
            Assert.NotNull(table.Time.LabelOf(table.Length + 5));
        }, 1 << 20);
        Assert.InRange(accepted, Mutants.Count / 100, Mutants.Count / 2);
    }
}
