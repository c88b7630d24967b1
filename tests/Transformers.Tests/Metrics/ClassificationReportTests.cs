namespace Transformers.Tests.Metrics;

public class ClassificationReportTests
{
    static ClassificationReport Report(params (int Right, int Predicted)[] examples)
    {
        var report = new ClassificationReport(["a", "b", "c"], top: 2);
        foreach (var (right, predicted) in examples)
        {
            var logits = new float[3];
            logits[predicted] = 1;
            report.Add(logits, right);
        }
        return report;
    }

    [Fact]
    public void Rows_of_the_confusion_matrix_are_right_classes_and_columns_predictions()
    {
        var rows = Report((0, 0), (0, 1), (2, 1), (1, 1)).ConfusionRows();
        Assert.Equal([1, 1, 0], rows[0]);
        Assert.Equal([0, 1, 0], rows[1]);
        Assert.Equal([0, 1, 0], rows[2]);
    }

    [Fact]
    public void Precision_recall_and_f1_follow_from_the_counts()
    {
        var report = Report((0, 0), (0, 1), (2, 1), (1, 1));
        var classes = report.Classes();
        Assert.Equal((1.0, 0.5, 2 / 3.0, 2L), (classes[0].Precision, classes[0].Recall, classes[0].F1, classes[0].Support));
        Assert.Equal((1 / 3.0, 1.0, 0.5, 1L), (classes[1].Precision, classes[1].Recall, classes[1].F1, classes[1].Support));
        Assert.Equal((0.0, 0.0, 0.0, 1L), (classes[2].Precision, classes[2].Recall, classes[2].F1, classes[2].Support));
        Assert.Equal(0.5, report.Accuracy);
        Assert.Equal((2 / 3.0 + 0.5 + 0) / 3, report.MacroF1, 12);
    }

    [Fact]
    public void A_class_that_neither_occurs_nor_is_predicted_leaves_macro_f1_alone() =>
        Assert.Equal(1, Report((0, 0), (1, 1)).MacroF1);

    [Fact]
    public void Top_k_counts_examples_whose_class_is_among_the_k_best()
    {
        var report = new ClassificationReport(["a", "b", "c", "d"], top: 3);
        report.Add([4, 3, 2, 1], 0);
        report.Add([4, 3, 2, 1], 1);
        report.Add([4, 3, 2, 1], 2);
        report.Add([4, 3, 2, 1], 3);
        Assert.Equal([0.25, 0.5, 0.75, 1.0], new[] { 1, 2, 3, 4 }.Select(report.TopK));
    }

    [Fact]
    public void Of_equal_scores_the_lower_class_ranks_first()
    {
        var report = new ClassificationReport(["a", "b", "c"], top: 2);
        report.Add([1, 1, 1], 1);
        Assert.Equal(0, report.Accuracy);
        Assert.Equal(1, report.TopK(2));
        Assert.Equal(1, report.ConfusionRows()[1][0]);
    }

    [Fact]
    public void A_score_that_is_not_a_number_never_wins()
    {
        var report = new ClassificationReport(["a", "b"]);
        report.Add([float.NaN, -5], 1);
        Assert.Equal(1, report.Accuracy);
    }

    [Fact]
    public void Calibration_error_is_the_gap_between_confidence_and_accuracy()
    {
        var report = new ClassificationReport(["a", "b"], bins: 10);
        var logit = (float)Math.Log(3);           // confidence 0.75
        for (var i = 0; i < 4; i++) report.Add([logit, 0], i < 2 ? 0 : 1);
        Assert.Equal(0.25, report.CalibrationError, 1e-6);
        var sure = (float)Math.Log(19);           // confidence 0.95, always right
        for (var i = 0; i < 4; i++) report.Add([sure, 0], 0);
        Assert.Equal((0.25 + 0.05) / 2, report.CalibrationError, 1e-6);
    }

    [Theory]
    [InlineData(10, 0.65, 0.75, (0.35 + 0.75) / 2)]  // bins of their own
    [InlineData(10, 0.72, 0.78, 0.25)]               // one bin: |1 right - 1.5 expected| of 2
    [InlineData(2, 0.5, 0.52, (0.5 + 0.52) / 2)]     // a bin holds its upper bound, not its lower
    public void Bins_have_equal_widths(int bins, double right, double wrong, double expected)
    {
        var report = new ClassificationReport(["a", "b"], bins: bins);
        report.Add([(float)Math.Log(right / (1 - right)), 0], 0);
        report.Add([(float)Math.Log(wrong / (1 - wrong)), 0], 1);
        Assert.Equal(expected, report.CalibrationError, 1e-6);
    }

    [Fact]
    public void A_label_outside_the_classes_is_the_users_error() =>
        Assert.Throws<UserException>(() => new ClassificationReport(["a", "b"]).Add([0, 1], 2));
}
