package Chaos::Outages;

# When Redis was away, and when a node was disturbed: what the model must know
# to say by when a sign-out has to be heard of, and by when a request without an
# answer has done its work or never will.

use strict;
use warnings;

use Totp::Util;

use constant NEVER => 9**9**9;

# What a machine under load may take on top of anything: seconds.
use constant MARGIN => 3;


sub new { my ($class) = @_;
    return bless { redis => [], full => [], nodes => {} }, $class }


# An outage begins; the answer ends it.

sub redis_away {
    my ($self, $now) = @_;

    my $span = { from => defined $now ? $now : now(), to => NEVER };
    push @{ $self->{redis} }, $span;

    return $span;
}


# Redis answers, and writes nothing: no sign-out is held up by that.

sub redis_full {
    my ($self) = @_;

    my $span = { from => now(), to => NEVER };
    push @{ $self->{full} }, $span;

    return $span;
}


sub node_disturbed {
    my ($self, $node) = @_;

    my $span = { from => now(), to => NEVER };
    push @{ $self->{nodes}{$node} }, $span;

    return $span;
}


sub over { my ($self, $span, $now) = @_;
    $span->{to} = defined $now ? $now : now(); return }


# A request was given up at that time.  What it had told Redis may be waiting in
# a socket: a stopped Redis reads it when it goes on, long after nginx has said
# 503.  From then on it has been done, or is lost.

sub settled {
    my ($self, $time) = @_;

    my $until = $time + seconds(MARGIN);

    for my $span (@{ $self->{redis} }) {
        next if $span->{to} < $time || $span->{from} > $until;
        $until = $span->{to} + seconds(MARGIN);
    }

    return $until;
}


# The longest time in a row, between those two, in which the node reached Redis.
# After an outage its connection is down for as long again at most, as it waits
# twice as long after each try, and never longer than five seconds.

sub calm {
    my ($self, $node, $from, $to) = @_;

    my @bad = map { my $long = $_->{to} - $_->{from};
                    [$_->{from}, $_->{to} + ($long < 5 ? $long : 5) + 1] }
              @{ $self->{redis} };
    push @bad, map { [$_->{from}, $_->{to} + 2] } @{ $self->{nodes}{$node} };

    my $longest = 0;

    for my $span (sort { $a->[0] <=> $b->[0] } @bad, [$to, $to]) {
        next if $span->[1] < $from;
        last if $span->[0] > $to;
        $longest = $span->[0] - $from if $span->[0] - $from > $longest;
        $from = $span->[1] if $span->[1] > $from;
        last if $from >= $to;
    }

    return $longest;
}


# Was nothing wrong, and had not been for some seconds?

sub fine {
    my ($self, $node, $from, $to) = @_;

    $from -= MARGIN;

    return 0 if grep { $_->{from} <= $to && $_->{to} >= $from }
                @{ $self->{full} };
    return $self->calm($node, $from, $to) >= $to - $from;
}


1;
