package Bench::Table;

# Tables of plain text, and what the figures are worth.

use strict;
use warnings;

use Exporter 'import';

our @EXPORT = qw(table median percentile say_progress);


# A title, and rows of which the first is the head.

sub table {
    my ($title, @rows) = @_;

    my @width;
    for my $row (@rows) {
        for my $i (0 .. $#$row) {
            my $n = length $row->[$i];
            $width[$i] = $n if !defined $width[$i] || $n > $width[$i];
        }
    }

    print "\n$title\n\n";

    for my $r (0 .. $#rows) {
        my $row = $rows[$r];
        print join('  ', map {
            $_ == 0 ? sprintf('%-*s', $width[$_], $row->[$_])
                    : sprintf('%*s', $width[$_], $row->[$_])
        } 0 .. $#$row) . "\n";
        print join('  ', map { '-' x $_ } @width) . "\n" if $r == 0;
    }

    return;
}


sub percentile {
    my ($p, @v) = @_;

    return 0 if !@v;
    @v = sort { $a <=> $b } @v;

    my $i = int($p / 100 * @v);

    return $v[$i > $#v ? $#v : $i];
}


sub median { return percentile(50, @_) }


sub say_progress {
    my ($text) = @_;

    print STDERR "# $text\n";

    return;
}


1;
