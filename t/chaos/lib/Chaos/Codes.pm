package Chaos::Codes;

# The model's rules of codes and backup codes:
#
#   no time step is accepted twice, nor one that is earlier than an accepted
#   one; no backup code twice; none that is void, burnt, of a secret that is
#   gone, of another time or simply wrong; and none is refused that is good.

use strict;
use warnings;


# A code for signing in, for being fresh again, or to confirm a phone.

sub judge_code {
    my ($self, $op) = @_;

    $self->judge_action($op);

    if ($op->{outcome} eq 'yes') {
        defined $op->{backup} ? $self->accepted_backup($op)
                              : $self->accepted_step($op);
        $self->turned($op) if $op->{session}{stage} eq 'password';
        return;
    }

    return if $op->{outcome} ne 'no';

    my $word = $op->{word} || '';

    push @{ $op->{user}{burnt} }, $op if $word eq 'clock_off';
    return unless $word =~ /\A(?:bad_code|code_used|clock_off)\z/;

    if (defined $op->{backup} ? $self->good_backup($op)
                              : $self->good_step($op))
    {
        $self->violation('lost code', $op, 'a good code was refused');
    }

    return;
}


# A password session becomes one full session, and only one.

sub turned {
    my ($self, $op) = @_;

    my $session = $op->{session};

    $self->violation('revoked session', $op, 'it was turned into another twice')
        if $session->{turned}++;
    $self->ended($session, $op, 'turned into another');

    return;
}


sub accepted_step {
    my ($self, $op) = @_;

    my ($user, $phone, $step) = @$op{qw(user phone step)};

    if ($op->{wrong}) {
        $self->violation('wrong code', $op, 'it was accepted');
        return;
    }

    for my $one (@{ $user->{accepted} }) {
        next if !$one->{phone} || $one->{phone} != $phone;

        if ($one->{step} == $step) {
            $self->violation('code twice', $op, 'accepted before: '
                             . $self->text($one));
        } elsif ($one->{e} < $op->{b} && $step < $one->{step}
                 || $op->{e} < $one->{b} && $one->{step} < $step)
        {
            $self->violation('code twice', $op, 'a later step was accepted: '
                             . $self->text($one));
        }
    }

    if (grep { $_->{step} == $step && $_->{phone} == $phone
               && $_->{e} < $op->{b} } @{ $user->{burnt} })
    {
        $self->violation('burnt code', $op,
                         'it was refused as of a wrong clock');
    }

    # all of Redis' clock is ours here
    if (!$phone->near($step, $op->{b} - 1, $op->{e} + 1)) {
        $self->violation('wrong code', $op, 'accepted at another time');
    }

    if ($op->{kind} eq 'code') {
        my $known = $self->secret_in_force($user, $op->{b}, $op->{e});
        $self->violation('wrong code', $op, 'accepted, while '
                         . ($known || 'nothing') . ' is enabled')
            if defined $known && $known ne '*' && $known ne $phone->{id};
    }

    push @{ $user->{accepted} }, $op;
    $self->evidence($op, $phone->{id});

    return;
}


# Is there no way to refuse this step?

sub good_step {
    my ($self, $op) = @_;

    my ($user, $phone, $step) = @$op{qw(user phone step)};

    return 0 if $op->{wrong} || !$phone->good($step, $op->{b} - 1, $op->{e} + 1)
                || !$self->alive($op->{session}, $op->{b}, $op->{e}, $op);

    # a step that was tried and maybe accepted spends itself and those before
    for my $one (@{ $user->{tried} }) {
        next if $one == $op || !$one->{phone} || $one->{phone} != $phone;
        return 0 if $one->{step} >= $step
                    && $self->possible($one, 0, $op->{e});
    }

    # the steps that are burnt are those of the user, whatever the secret
    for my $one (@{ $user->{tried} }) {
        return 0 if $one->{drift} && $one->{step} == $step;
    }

    return 1 if $op->{kind} eq 'phone';

    my $known = $self->secret_in_force($user, $op->{b}, $op->{e});

    return defined $known && $known eq $phone->{id};
}


sub accepted_backup {
    my ($self, $op) = @_;

    my ($user, $code) = @$op{qw(user backup)};
    my $set = $self->set_of($user, $code);

    if (!$set) {
        $self->violation('wrong code', $op, 'a backup code of nobody');
        return;
    }

    for my $one (@{ $user->{accepted} }) {
        $self->violation('backup code twice', $op,
                         'accepted before: ' . $self->text($one))
            if defined $one->{backup} && $one->{backup} eq $code;
    }

    my $void = $self->voided($user, $set, $op->{b});
    $self->violation('void backup code', $op, 'of before: '
                     . $self->text($void)) if $void;

    push @{ $user->{accepted} }, $op;
    $self->evidence($op, '*');

    return;
}


sub set_of {
    my ($self, $user, $code) = @_;

    for my $op (reverse @{ $user->{changes} }) {
        return $op->{set} if $op->{set} && $op->{set}{codes}{$code};
    }

    return;
}


# What surely came after the set, and before that time, and made it void.

sub voided {
    my ($self, $user, $set, $before) = @_;

    return if !defined $set->{op}{e};

    for my $op (@{ $user->{changes} }) {
        next if $op == $set->{op} || ($op->{outcome} || '') ne 'yes';
        next if $op->{kind} eq 'everywhere'
                || $op->{kind} eq 'phone' && !$op->{first};
        return $op if $op->{b} > $set->{op}{e} && $op->{e} < $before;
    }

    return;
}


# Is the set surely the one that counts, all that time?

sub current_set {
    my ($self, $user, $set, $to) = @_;

    return 0 if ($set->{op}{outcome} || '') ne 'yes';

    for my $op (@{ $user->{changes} }) {
        next if $op == $set->{op} || $op->{kind} eq 'everywhere'
                || $op->{kind} eq 'phone' && ($op->{outcome} || '') eq 'yes'
                   && !$op->{first};
        return 0 if $self->possible($op, $set->{op}{b}, $to);
    }

    return 1;
}


sub good_backup {
    my ($self, $op) = @_;

    my ($user, $code) = @$op{qw(user backup)};
    my $set = $self->set_of($user, $code);

    return 0 if !$set || !$self->current_set($user, $set, $op->{e})
                || !$self->alive($op->{session}, $op->{b}, $op->{e}, $op);

    return !grep { $_ != $op && defined $_->{backup} && $_->{backup} eq $code
                   && $self->possible($_, 0, $op->{e}) } @{ $user->{tried} };
}


# The codes on show are those of the change that made this session, shown to
# nobody else, and always the same.

sub judge_shown {
    my ($self, $op) = @_;

    $self->judge_action($op);

    my $codes = $op->{codes} || [];
    return if $op->{outcome} ne 'yes' || !@$codes;

    my $set = $op->{session}{birth}{set};

    if (!$set) {
        $self->violation('codes on show', $op, "shown to another's session");
        return;
    }

    my $have = join ' ', sort keys %{ $set->{codes} };

    $self->violation('codes on show', $op, 'they have changed')
        if $have ne '' && $have ne join ' ', sort @$codes;

    $set->{codes}{$_} = 1 for @$codes;

    return;
}


# Codes that the model knows as unused, and those that may be.

sub unused_backup {
    my ($self, $user, $time) = @_;

    my (@sure, @maybe);

    for my $set (grep { defined } map { $_->{set} } @{ $user->{changes} }) {
        next if !%{ $set->{codes} } || $self->voided($user, $set, $time);
        my $current = $self->current_set($user, $set, $time);

        for my $code (sort keys %{ $set->{codes} }) {
            my @tried = grep { defined $_->{backup} && $_->{backup} eq $code
                               && ($_->{outcome} || '') ne 'no' }
                        @{ $user->{tried} };
            next if grep { ($_->{outcome} || '') eq 'yes' } @tried;
            @tried || !$current ? push @maybe, $code : push @sure, $code;
        }
    }

    return (\@sure, \@maybe);
}


# Codes that nobody used, of the last sets that are void.

sub void_backup {
    my ($self, $user, $time) = @_;

    my %tried = map { defined $_->{backup} ? ($_->{backup} => 1) : () }
                @{ $user->{tried} };
    my @void = grep { $_ && $self->voided($user, $_, $time) }
               map { $_->{set} } @{ $user->{changes} };

    @void = @void[-3 .. -1] if @void > 3;

    return grep { !$tried{$_} } map { sort keys %{ $_->{codes} } } @void;
}


1;
