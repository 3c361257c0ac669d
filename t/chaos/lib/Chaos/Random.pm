package Chaos::Random;

# Numbers that come from a seed alone.  Every visitor and every kind of fault
# has a stream of its own, so that what one of them meets does not change what
# the others choose.

use strict;
use warnings;

use Digest::SHA ();


sub new { my ($class, $seed) = @_;
    return bless { seed => $seed, n => 0 }, $class }

sub child { my ($self, $name) = @_;
    return ref($self)->new("$self->{seed}/$name") }


# From 0 to just below 1.

sub number {
    my ($self) = @_;

    return unpack('N', Digest::SHA::sha256("$self->{seed}#" . $self->{n}++))
           / 2 ** 32;
}


sub below { my ($self, $n) = @_; return int($self->number * $n) }

sub between { my ($self, $from, $to) = @_;
    return $from + $self->number * ($to - $from) }

sub chance { my ($self, $p) = @_; return $self->number < $p }

sub pick { my ($self, @list) = @_; return $list[$self->below(scalar @list)] }


# One of the names of (name => weight, ...).

sub weighted {
    my ($self, @pairs) = @_;

    my $sum = 0;
    for (my $i = 1; $i < @pairs; $i += 2) { $sum += $pairs[$i] }

    my $at = $self->number * $sum;

    while (@pairs > 2) {
        my ($name, $weight) = splice @pairs, 0, 2;
        return $name if $at < $weight;
        $at -= $weight;
    }

    return $pairs[0];
}


1;
