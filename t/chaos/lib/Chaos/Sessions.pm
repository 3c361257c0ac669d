package Chaos::Sessions;

# The model's rules of sessions:
#
#   nobody is in who should be out: a session without its second factor, one
#   that was signed out or replaced, or of before a disable, enable or renew.
#   For the gate that holds from a second later on, plus the time that the node
#   did not reach Redis; to change anything, at once, as Redis itself is asked.
#   And nobody is out who should be in.

use strict;
use warnings;

use Totp::Util;

# The second that a sign-out may take to be heard of, and as much again and half
# for a machine that has other things to do.
use constant SECOND => 2.5;

my $count = 0;


# stage password or full, factor: with a second factor; birth is the op whose
# answer brought it, client has its cookie and token

sub session {
    my ($self, $birth, %o) = @_;

    my $session = { id => 's' . ++$count, birth => $birth, ends => [],
                    user => $birth->{user}, %o };

    push @{ $birth->{user}{sessions} }, $session;
    $self->note($birth->{user}, "session $session->{id} from $birth->{kind}");

    return $session;
}


# It is over since that op, which said so.

sub ended {
    my ($self, $session, $op, $why) = @_;

    @$session{qw(dead why)} = ($op->{e}, $why)
        if !$session->{dead} || $session->{dead} > $op->{e};

    return;
}


# All that were there before the op began are over; one that acted by itself
# goes on as another.

sub ended_all {
    my ($self, $op, $why) = @_;

    for my $session (@{ $op->{user}{sessions} }) {
        $self->ended($session, $op, $why)
            if $session->{birth}{e} < $op->{b}
               || ($op->{session} && $op->{session} == $session);
    }

    return;
}


# Surely alive from one time to the other, whatever else is under way, but for
# the op that asks.

sub alive {
    my ($self, $session, $from, $to, $but) = @_;

    return 0 if $session->{dead} && $session->{dead} <= $to;

    my $birth = $session->{birth};

    for my $op (@{ $session->{ends} }, @{ $session->{user}{changes} }) {
        next if $op == $birth || $but && $op == $but;
        return 0 if $self->possible($op, $birth->{b}, $to);
    }

    return 1;
}


sub over { my ($self, $session, $time) = @_;
    return $session->{dead} && $session->{dead} < $time }


# A request that only a live session may make, and that Redis is asked for.

sub judge_action {
    my ($self, $op) = @_;

    my $session = $op->{session} or return;
    my $word = $op->{word} || '';

    if ($op->{outcome} eq 'yes') {
        $self->violation('revoked session', $op,
                         "it acted, but is over: $session->{why}")
            if $self->over($session, $op->{b});
        $self->survived($op);
    }

    if ($op->{outcome} eq 'no' && $word =~ /\A(?:login_required|expired)\z/
        && $self->alive($session, $op->{b}, $op->{e}, $op))
    {
        $self->violation('lost session', $op, "it is alive, and $word");
    }

    return;
}

sub judge_settings { my ($self, $op) = @_; return $self->judge_action($op) }

sub judge_setup { my ($self, $op) = @_; return $self->judge_action($op) }


# It acted, so Redis knows it as good: what would have ended it, and can have
# done so only before, has not happened.

sub survived {
    my ($self, $op) = @_;

    my $birth = $op->{session}{birth};

    for my $one (@{ $op->{session}{ends} }, @{ $op->{user}{changes} }) {
        $one->{outcome} = 'no'
            if ($one->{outcome} || '') eq 'maybe' && $one->{b} > $birth->{e}
               && $self->latest($one) < $op->{b};
    }

    return;
}


# Through the gate or not.

sub judge_page {
    my ($self, $op) = @_;

    my $session = $op->{session};
    my $word = $op->{word} || '';

    if ($op->{outcome} eq 'yes') {
        if (($op->{name} || '') ne $op->{user}{name}) {
            $self->violation("another's answer", $op,
                             'the application was told '
                             . ($op->{name} || 'nobody'));
        }
        if (!$session->{factor}) {
            $self->violation('password alone', $op, 'it went through the gate');
        } elsif ($self->over($session, $op->{b})
                 && $self->{outages}->calm($op->{node}, $session->{dead},
                                           $op->{b}) > seconds(SECOND))
        {
            $self->violation('revoked session', $op, sprintf
                'in %.1f s after: %s', $op->{b} - $session->{dead},
                $session->{why});
        }
        return;
    }

    return if $word eq '' || $op->{outcome} ne 'no' || !$session->{factor};

    if ($self->alive($session, $op->{b}, $op->{e}, $op)) {
        $self->violation('lost session', $op, "it is alive, and $word");
    }

    return;
}


sub judge_logout {
    my ($self, $op) = @_;

    $self->ended($op->{session}, $op, 'signed out') if $op->{outcome} eq 'yes';

    return;
}


# One that is over already ends no others.

sub judge_everywhere {
    my ($self, $op) = @_;

    return if $op->{outcome} ne 'yes';

    my $session = $op->{session};
    my $alive = $session->{stage} eq 'full'
                && $self->alive($session, $op->{b}, $op->{e}, $op);

    $self->ended($session, $op, 'signed out everywhere');

    if ($alive) {
        $self->ended_all($op, 'signed out everywhere');
    } else {
        # answered: if it ended the others, it has done so by now
        @$op{qw(outcome answered)} = ('maybe', 1);
    }

    return;
}


1;
