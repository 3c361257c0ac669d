package Chaos::Faults;

# What goes wrong, and when: one stream of faults of Redis, one after another,
# and one of faults of the nodes, both from the seed.  Each is told to
# Chaos::Outages from before it begins until after it has ended.

use strict;
use warnings;

use Totp::Util;


# rng, loop, outages, rig, nodes; pace: 2 is twice as many in the same time

sub new {
    my ($class, %o) = @_;

    return bless { pace => 1, count => {}, log => [], began => now(), %o,
                   redis_rng => $o{rng}->child('redis'),
                   node_rng => $o{rng}->child('nodes') }, $class;
}


sub start { my ($self) = @_;
    $self->redis_next;
    $self->node_next;
    return }

# No new ones; busy says when the last one is over.

sub stop { my ($self) = @_; $self->{over} = 1; return }

sub busy { my ($self) = @_; return $self->{redis_busy} || $self->{node_busy} }


sub note {
    my ($self, $kind, $text) = @_;

    $self->{count}{$kind}++;
    push @{ $self->{log} }, sprintf '%8.3f  %s', now() - $self->{began}, $text;

    return;
}


sub redis_next {
    my ($self) = @_;

    my $rng = $self->{redis_rng};
    my $gap = $rng->chance(0.3) ? $rng->between(6, 10) : $rng->between(0.5, 4);
    my $kind = $rng->weighted(kill => 25, stop => 25, pause => 20,
                              scripts => 15, full => 15);
    my $long = $rng->chance(0.25) ? $rng->between(1.5, 4)
                                  : $rng->between(0.05, 1.5);

    $self->{loop}->after($gap / $self->{pace}, sub {
        return if $self->{over};
        $self->{redis_busy} = 1;
        $self->note("redis $kind", sprintf 'redis %s, %.2f s', $kind, $long);
        my $fault = "redis_$kind";
        $self->$fault($long);
    });

    return;
}


sub redis_over {
    my ($self, $span) = @_;

    $self->{outages}->over($span) if $span;
    $self->{redis_busy} = 0;

    return $self->redis_next;
}


sub redis_kill {
    my ($self, $long) = @_;

    my $redis = $self->{rig}->redis;
    my $span = $self->{outages}->redis_away;

    $redis->kill_hard;
    $self->{loop}->after($long, sub {
        $redis->start;
        $self->redis_over($span);
    });

    return;
}


sub redis_stop {
    my ($self, $long) = @_;

    my $redis = $self->{rig}->redis;
    my $span = $self->{outages}->redis_away;

    $redis->freeze;
    $self->{loop}->after($long, sub {
        $redis->thaw;
        $self->redis_over($span);
    });

    return;
}


sub redis_pause {
    my ($self, $long) = @_;

    my $span = $self->{outages}->redis_away;

    $self->{rig}->redis->cmd('CLIENT', 'PAUSE', int(1000 * $long), 'ALL');
    $self->{loop}->after($long + 0.1, sub { $self->redis_over($span) });

    return;
}


sub redis_scripts {
    my ($self) = @_;

    $self->{rig}->redis->cmd('SCRIPT', 'FLUSH');

    return $self->redis_over;
}


# Not away, but no script that writes does anything (noeviction).

sub redis_full {
    my ($self, $long) = @_;

    my $redis = $self->{rig}->redis;

    my $span = $self->{outages}->redis_full;

    $redis->cmd('CONFIG', 'SET', 'maxmemory', 1);
    $self->{loop}->after($long, sub {
        $redis->cmd('CONFIG', 'SET', 'maxmemory', 0);
        $self->redis_over($span);
    });

    return;
}


sub node_next {
    my ($self) = @_;

    my $rng = $self->{node_rng};
    my $gap = $rng->between(1, 7);
    my $name = $rng->pick(@{ $self->{nodes} });
    my $kind = $rng->weighted(worker => 50, workers => 15, reload => 35);
    my $which = $rng->below(2);

    $self->{loop}->after($gap / $self->{pace}, sub {
        return if $self->{over};

        my $node = $self->{rig}->node($name);
        my @old = $node->workers;

        $self->{node_busy} = 1;
        $self->note("nginx $kind", "nginx $kind, node $name");

        my $span = $self->{outages}->node_disturbed($name);

        if ($kind eq 'reload') {
            $node->signal('HUP');
        } else {
            kill 'KILL', $kind eq 'worker' ? $old[$which] : @old;
        }

        $self->node_back($node, $span, $kind eq 'worker' ? 1 : 2, @old);
    });

    return;
}


# Until so many new workers run.

sub node_back {
    my ($self, $node, $span, $want, @old) = @_;

    $self->{loop}->after(0.2, sub {
        my %old = map { ($_ => 1) } @old;
        my $new = grep { !$old{$_} } $node->workers;

        return $self->node_back($node, $span, $want, @old) if $new < $want;

        $self->{outages}->over($span);
        $self->{node_busy} = 0;
        $self->node_next;
    });

    return;
}


1;
