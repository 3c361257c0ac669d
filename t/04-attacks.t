# The table of attacks in t/README.md: each number is there, and the tests that
# it names exist and have it in a test's name.

use Totp::Test;

my %row;

for (split /\n/, slurp('t/README.md')) {
    my ($n, $files, $what) = /\A\| (\d+) \| (.*?) \| (.*) \|\z/ or next;
    fail("attack $n stands twice") if $row{$n};
    $row{$n} = [$files, $what];
}

is(join(' ', sort { $a <=> $b } keys %row), join(' ', 1 .. 106),
    'each of the 106 has an answer');

for my $n (sort { $a <=> $b } keys %row) {
    my ($files, $what) = @{ $row{$n} };
    my @files = $files =~ /`([^`]+)`/g;

    like($what, qr/\w{3,}\W+\w+/, "attack $n: what is tried, or why nothing is");

    my @lacking = grep { !-f "t/$_"
        || /\.t\z/ && slurp("t/$_") !~ /\[attack \Q$n\E\]/ } @files;
    is(join(' ', @lacking), '', "attack $n: named in @files");
}

done_testing;
