package Chaos::Model;

# What must hold (PRODUCT's promises about codes and sessions), whatever fails.
#
# The model is told of each request when it starts (begin) and when it ends
# (finish).  Redis did what a request asked for at one moment between the two,
# but nobody knows at which: two requests that overlap may have been served in
# either order, and only a request that ended before another began came first.
# A rule is broken only when no order explains what was seen.
#
# A request whose answer never came (connection cut, 503, killed worker) is
# `maybe` for good: its code may be spent, the secret may be the new or the old
# one.  It may even take effect later, until Chaos::Outages says it is settled.
# The next observation narrows it: an answer that only one of the two explains
# becomes evidence, and what is known is the evidence that nothing can have
# changed since.
#
# An op is one request: user, kind, b (began), e (ended, or never), outcome
#
#   yes    done, and said so          no     refused: it changed nothing
#   maybe  nobody knows               (none) still under way
#
# Chaos::Codes has the rules of codes, Chaos::Sessions those of sessions.

use strict;
use warnings;

use Chaos::Codes;
use Chaos::Outages;
use Chaos::Sessions;

use Totp::Util;

our @ISA = qw(Chaos::Codes Chaos::Sessions);

# What sets a second factor or takes it away, changes the set of backup codes,
# or ends all other sessions.  `phone` is a confirmed secret, the first one or a
# new one: which of them, the answer tells.

my %CHANGE = map { ($_ => 1) } qw(phone disable renew everywhere);


sub new {
    my ($class, $outages) = @_;

    return bless {
        outages => $outages, users => {}, violations => [], count => {},
        odd => {},
        began => now(),
    }, $class;
}


sub user {
    my ($self, $name) = @_;

    return $self->{users}{$name} ||= { name => $name, changes => [],
        evidence => [], accepted => [], tried => [], burnt => [],
        sessions => [], log => [] };
}


sub begin {
    my ($self, $name, $kind, %o) = @_;

    my $user = $self->user($name);
    my $op = { user => $user, kind => $kind, b => now(), %o };

    push @{ $user->{changes} }, $op if $CHANGE{$kind};
    push @{ $user->{tried} }, $op if defined $o{step} || defined $o{backup};
    push @{ $_->{ends} }, $op for grep { defined } @{ $o{ends} || [] };
    $op->{set} = { op => $op, codes => {} }
        if $kind eq 'phone' || $kind eq 'renew';

    return $op;
}


# outcome, and what the answer said: word (of the error), stage, first (a first
# second factor, not a new phone)

sub finish {
    my ($self, $op, $outcome, %o) = @_;

    @$op{ 'e', 'outcome', keys %o } = (now(), $outcome, values %o);
    $self->note($op->{user}, $self->text($op));
    $self->{count}{"$op->{kind} $outcome"}++;
    $self->{count}{unknown}++ if $outcome eq 'maybe';

    my $judge = "judge_$op->{kind}";
    $self->$judge($op);

    return $op;
}


# The last moment at which it can have taken effect.

sub latest {
    my ($self, $op) = @_;

    return Chaos::Outages::NEVER unless $op->{outcome};
    return $op->{e} if $op->{outcome} ne 'maybe' || $op->{answered};
    return $op->{settled} if $op->{settled};

    my $until = $self->{outages}->settled($op->{e});
    $op->{settled} = $until if $until < now();

    return $until;
}


# Can it have taken effect between those two?

sub possible {
    my ($self, $op, $from, $to) = @_;

    return 0 if $op->{outcome} && $op->{outcome} eq 'no';
    return $op->{b} <= $to && $self->latest($op) >= $from;
}


sub evidence {
    my ($self, $op, $secret) = @_;

    push @{ $op->{user}{evidence} },
        { b => $op->{b}, e => $op->{e}, op => $op, secret => $secret };

    return;
}


# The secret in force all through that time: its id, '' for none, '*' for some;
# undef when nobody can know.

sub secret_in_force {
    my ($self, $user, $from, $to) = @_;

    my ($some, $looked) = (undef, 0);

    for my $ev (reverse @{ $user->{evidence} }) {
        next if $ev->{e} >= $from;
        last if ++$looked > 12;
        next if grep { $_ != $ev->{op} && contradicts($_, $ev->{secret})
                       && $self->possible($_, $ev->{b}, $to) }
                @{ $user->{changes} };
        return $ev->{secret} if $ev->{secret} ne '*';
        $some = '*';
    }

    return $some;
}


sub contradicts {
    my ($op, $secret) = @_;

    return $secret ne '' if $op->{kind} eq 'disable';
    return 0 if $op->{kind} ne 'phone' || $secret eq '*';

    return $op->{phone}{id} ne $secret;
}


# The password was right: is a second factor asked for?

sub judge_login {
    my ($self, $op) = @_;

    my $stage = $op->{stage} || '';
    my $word = $op->{word} || '';

    return $self->wrong_password($op) if $op->{wrong};

    $self->violation('lost user', $op, 'the right password was refused')
        if $word eq 'bad_credentials';
    return if $op->{outcome} ne 'yes';

    $self->ended($_, $op, 'another signed in here')
        for grep { defined } @{ $op->{ends} || [] };

    my $known = $self->secret_in_force($op->{user}, $op->{b}, $op->{e});

    if (defined $known && $stage eq 'full' && $known ne '') {
        $self->violation('password alone', $op,
                         "no code was asked for, $known is enabled");
    }
    if (defined $known && $stage eq 'password' && $known eq '') {
        $self->violation('lost user', $op,
                         'a code is asked for and none is enabled');
    }

    $self->evidence($op, $stage eq 'full' ? '' : '*');

    return;
}


sub wrong_password {
    my ($self, $op) = @_;

    return if $op->{outcome} ne 'yes';

    return $self->violation('wrong password', $op, 'it was accepted');
}


sub judge_phone {
    my ($self, $op) = @_;

    $self->judge_code($op);
    return if $op->{outcome} ne 'yes';

    $self->ended_all($op, $op->{first} ? 'enabled' : 'a new phone');

    return;
}


sub judge_disable {
    my ($self, $op) = @_;

    $self->judge_action($op);
    return if $op->{outcome} ne 'yes';

    $self->evidence($op, '');
    $self->ended_all($op, 'disabled');

    return;
}


sub judge_renew {
    my ($self, $op) = @_;

    $self->judge_action($op);
    return if $op->{outcome} ne 'yes';

    $self->ended_all($op, 'renewed');

    return;
}


# Whose answer it is.

sub belongs {
    my ($self, $name, $to) = @_;

    return if !defined $to || $to eq '' || $to eq $name;

    return $self->violation("another's answer",
                            { user => $self->user($name), kind => 'answer',
                              b => now() }, "it speaks of $to");
}


# No rule, as a machine under load may be late: an answer of 503 and the like
# with nothing wrong is counted, to be looked into.

sub unavailable {
    my ($self, $node, $began, $what) = @_;

    $self->{odd}{$what}++ if $self->{outages}->fine($node, $began, now());

    return;
}


sub violation {
    my ($self, $rule, $op, $what) = @_;

    my $user = $op->{user};

    $self->note($user, "VIOLATION $rule: $what; " . $self->text($op));
    push @{ $self->{violations} }, {
        rule => $rule, user => $user->{name}, what => $what,
        log => [ @{ $user->{log} } ],
    };

    return;
}


# The last events of a user, for the report.

sub note {
    my ($self, $user, $text) = @_;

    push @{ $user->{log} }, sprintf '%8.3f  %s', now() - $self->{began}, $text;
    shift @{ $user->{log} } if @{ $user->{log} } > 60;

    return;
}


sub text {
    my ($self, $op) = @_;

    my @text = ($op->{kind});

    push @text, "session $op->{session}{id}" if $op->{session};
    push @text, $op->{phone}{id} if $op->{phone};
    push @text, "step $op->{step}" if defined $op->{step};
    push @text, "backup code $op->{backup}" if defined $op->{backup};
    push @text, $op->{wrong} if $op->{wrong};
    push @text, "node $op->{node}" if defined $op->{node};
    push @text, sprintf 'began %.3f', $op->{b} - $self->{began};
    push @text, join ' ', '->', grep { defined && $_ ne '' }
        @$op{qw(outcome status stage word)};

    return join ', ', @text;
}


1;
