package Chaos::Journeys;

# What a device does, one request after another.  Each journey takes what is to
# be called at its end; each step tells the model before it asks and after.

use strict;
use warnings;

use Chaos::Phone;

use Totp::Util;


# The password, then the code.  In a browser that is signed in already (with a
# second factor) the old session ends.

sub sign_in {
    my ($self, $done) = @_;

    my $old = $self->{session};
    my $client = $old ? $old->{client}->clone : $self->client;

    return $self->password($client, $old, sub {
        my ($session) = @_;

        return $done->() if !$session;
        return $self->keep($session, $done) if $session->{stage} eq 'full';
        return $self->code($session, sub { $self->keep($_[0], $done) });
    });
}

sub keep {
    my ($self, $session, $done) = @_;

    $self->{session} = $session if $session;

    return $done->($session);
}


# done gets the session: password, or full without a second factor

sub password {
    my ($self, $client, $old, $done, $wrong) = @_;

    return $self->get($client, 'login', sub {
        my ($r) = @_;

        return $done->() if $r->status != 200;
        $client->learn($r);

        my $op = $self->begin('login', ends => [$old],
                              ($wrong ? (wrong => $wrong) : ()));
        my $form = { username => $self->{user}{name},
            password => $wrong || $self->{rig}->password($self->{user}{name}) };

        return $self->post($client, 'login', $form, sub {
            my ($answer) = @_;

            $self->finish($op, $answer, stage => $answer->stage);
            return $done->(undef, $answer) if $answer->status != 200;

            $client->learn($answer);
            $done->($self->session($op, $client, stage => $answer->stage,
                                   factor => 0));
        });
    });
}


sub wrong_password {
    my ($self, $done) = @_;

    return $self->password($self->client, undef, sub { $done->() },
                           'wrong-' . $self->{rng}->below(1e6));
}


# done gets the full session.  What is typed: a good code most of the time, or
# one of those that must be refused.

sub code {
    my ($self, $session, $done, %o) = @_;

    my $what = $o{what} || $self->typed;

    return $self->{loop}->after(0.3, sub { $done->() }) if !$what;

    my $half = $session->{stage} eq 'password';
    my $client = $session->{client}->clone;
    my $op = $self->begin('code', session => $session, %$what,
                          ($half ? (ends => [$session]) : ()));

    return $self->post($client, 'code', { code => $self->text_of($what) }, sub {
        my ($r) = @_;

        $self->finish($op, $r, stage => $r->stage);
        return $done->(undef, $r) if $r->status != 200;

        $client->learn($r);
        if (!$half) {
            $session->{client} = $client;
            return $done->($session, $r);
        }
        $done->($self->session($op, $client, stage => 'full', factor => 1), $r);
    }, %o);
}


sub text_of { my ($self, $what) = @_;
    return defined $what->{backup} ? $what->{backup}
         : defined $what->{text}   ? $what->{text}
         :                           $what->{phone}->code($what->{step}) }


sub typed {
    my ($self) = @_;

    my ($rng, $user) = @{$self}{qw(rng user)};
    my $kind = $rng->weighted(good => 73, backup => 14, replay => 4, wrong => 2,
                              void => 6, drift => 1);

    my $phone = $self->phone;
    my $model = $self->{model}->user($user->{name});

    if ($kind eq 'backup') {
        my ($sure, $maybe) = $self->{model}->unused_backup($model, now());
        my @codes = @$sure ? @$sure : @$maybe;
        return { backup => $rng->pick(@codes) } if @codes;
    }

    if ($kind eq 'void') {
        my @codes = $self->{model}->void_backup($model, now());
        return { backup => $rng->pick(@codes) } if @codes;
    }

    if ($kind eq 'replay') {
        my @used = grep { !$_->{wrong} } @{ $model->{tried} };
        @used = @used[-6 .. -1] if @used > 6;
        if (@used) {
            my $one = $rng->pick(@used);
            return defined $one->{backup}
                ? { backup => $one->{backup} }
                : { phone => $one->{phone}, step => $one->{step} };
        }
    }

    return if !$phone;

    if ($kind eq 'wrong') {
        return { phone => $phone, step => 0, wrong => 'wrong code',
                 text => sprintf '%08d', $rng->below(1e8) };
    }

    if ($kind eq 'drift') {
        return { phone => $phone, drift => 1,
                 step => $phone->step(now()) + $phone->{skew} + 3 };
    }

    my $step = $phone->next_step;

    return defined $step ? { phone => $phone, step => $step } : undef;
}


# The secret that is in force, or any of those that may be.

sub phone {
    my ($self) = @_;

    my $user = $self->{user};
    my @phones = @{ $user->{phones} };
    my $known = $self->{model}->secret_in_force(
        $self->{model}->user($user->{name}), now(), now());

    if (defined $known) {
        my ($one) = grep { $_->{id} eq $known } @phones;
        return $one if $one;
    }

    return if !@phones;

    # later ones are likelier
    return $self->{rng}->chance(0.6) ? $phones[-1]
         : $self->{rng}->pick(@phones > 4 ? @phones[-4 .. -1] : @phones);
}


# To be fresh again.

sub again {
    my ($self, $done) = @_;

    return $self->code($self->{session}, sub { $done->() });
}


# One code on two connections, at both nodes at once; or two codes, for one and
# the same password session.

sub twice {
    my ($self, $done) = @_;

    my @half;
    my $left = 2;

    my $post = sub {
        my @what = ($self->typed) x 2;
        if ($self->{rng}->chance(0.4)) {
            $half[1] = $half[0];
            $what[1] = $self->typed;
        }
        return $done->() if grep { !$_ } @what;

        my $answers = 2;
        for my $i (0, 1) {
            $self->code($half[$i], sub {
                my ($session) = @_;
                $self->{session} = $session if $session;
                $done->() if --$answers == 0;
            }, what => $what[$i], node => $self->{nodes}[$i], steady => $i);
        }
    };

    for my $i (0, 1) {
        $self->password($self->client, undef, sub {
            my ($session) = @_;
            $half[$i] = $session;
            return if --$left;
            return $done->() if grep { !$_ || $_->{stage} ne 'password' } @half;
            $post->();
        });
    }

    return;
}


# The first phone or another.  The secret is shown before it counts: one that
# is asked for twice is the same.

sub enable {
    my ($self, $done) = @_;

    my $session = $self->{session};
    my $client = $session->{client}->clone;
    my $op = $self->begin('setup', session => $session);

    return $self->get($client, 'setup', sub {
        my ($r) = @_;

        $self->finish($op, $r);
        return $self->stale($session, $r, $done) if $r->status != 200;

        my $secret = $r->json->{secret};
        my $user = $self->{user};
        my $phone = $user->{secrets}{$secret} ||= Chaos::Phone->new(
            secret => $secret, %{ $user->{rig_phone} });

        $self->confirm($session, $client, $phone, $done);
    });
}


sub confirm {
    my ($self, $session, $client, $phone, $done) = @_;

    my $user = $self->{user};
    my $step = $phone->next_step;

    return $done->() if !defined $step;

    push @{ $user->{phones} }, $phone
        unless grep { $_ == $phone } @{ $user->{phones} };

    my $op = $self->begin('phone', session => $session, phone => $phone,
                          step => $step);

    return $self->post($client, 'setup', { code => $phone->code($step) }, sub {
        my ($r) = @_;

        my $first = $r->target_path =~ /backup-codes\z/ ? 1 : 0;
        $self->finish($op, $r, first => $first);
        return $self->stale($session, $r, $done) if $r->status != 200;

        $self->became($op, $client, $r, 1);
        return $first ? $self->shown($done) : $done->();
    });
}


# The session that acted goes on as another one.

sub became {
    my ($self, $op, $client, $r, $factor) = @_;

    $client->learn($r);
    $self->{session} = $self->session($op, $client, stage => 'full',
                                      factor => $factor);

    return;
}


# A refusal tells what the session is worth: one that is over is let go (it may
# come back as a ghost), one that is not fresh gives a code.

sub stale {
    my ($self, $session, $r, $done) = @_;

    if ($r->error eq 'fresh_required' && $session->{factor}) {
        return $self->code($session, sub { $done->() });
    }

    $self->{session} = undef
        if $r->status == 401 && $self->{session}
           && $self->{session} == $session;

    return $done->();
}


# The backup codes, while they are on show.

sub shown {
    my ($self, $done, $session) = @_;

    $session ||= $self->{session};

    my $op = $self->begin('shown', session => $session);

    return $self->get($session->{client}, 'backup-codes', sub {
        my ($r) = @_;

        $self->finish($op, $r, codes => $r->json->{codes});
        $done->();
    });
}


sub renew {
    my ($self, $done, $session) = @_;

    return $self->change('renew', 'backup-codes', 1, sub {
        my ($changed) = @_;
        return $changed ? $self->shown($done) : $done->();
    }, $session);
}

sub disable { my ($self, $done, $session) = @_;
    return $self->change('disable', 'disable', 0, $done, $session) }


sub change {
    my ($self, $kind, $page, $factor, $done, $session) = @_;

    $session ||= $self->{session};

    my $client = $session->{client}->clone;
    my $op = $self->begin($kind, session => $session);

    return $self->post($client, $page, {}, sub {
        my ($r) = @_;

        $self->finish($op, $r);
        return $self->stale($session, $r, sub { $done->() })
            if $r->status != 200;

        $self->became($op, $client, $r, $factor);
        $done->(1);
    });
}


sub settings {
    my ($self, $done, $session) = @_;

    $session ||= $self->{session};

    my $op = $self->begin('settings', session => $session);

    return $self->get($session->{client}, 'settings', sub {
        my ($r) = @_;

        $self->finish($op, $r);
        $self->stale($session, $r, sub { $done->($r) });
    });
}


# Through the gate, to the application.

sub page {
    my ($self, $done, $session, %o) = @_;

    $session ||= $self->{session};

    my $node = defined $o{node} ? $o{node} : $self->node;
    my $op = $self->begin('page', session => $session, node => $node);

    return $self->get($session->{client}, '/x', sub {
        my ($r) = @_;

        $self->finish($op, $r, name => $r->json->{user});
        $self->{session} = undef
            if $r->status == 401 && $self->{session}
               && $session == $self->{session} && $session->{factor};
        $done->($r);
    }, %o, node => $node);
}


sub sign_out { my ($self, $done) = @_; return $self->leave('logout', $done) }

sub everywhere { my ($self, $done) = @_;
    return $self->leave('everywhere', $done) }

sub leave {
    my ($self, $kind, $done) = @_;

    my $session = $self->{session};
    my $form = $kind eq 'everywhere' ? { everywhere => 1 } : {};
    my $op = $self->begin($kind, session => $session, ends => [$session]);

    return $self->post($session->{client}, 'logout', $form, sub {
        my ($r) = @_;

        $self->finish($op, $r);
        $self->{session} = undef if $r->status == 200 || $r->status == 401;

        # at once: no node may have heard of it, but Redis has
        return $self->haunt($session, $done)
            if $r->status == 200 && $self->{rng}->chance(0.3);
        $done->();
    });
}


# A cookie that somebody kept: any session of the user, most of all one that is
# over.

sub ghost {
    my ($self, $done) = @_;

    my $rng = $self->{rng};
    my @all = @{ $self->{model}->user($self->{user}{name})->{sessions} };
    my @dead = grep { $_->{dead} } @all;

    @all = $rng->chance(0.8) ? @dead : grep { $_->{stage} eq 'full' } @all;
    @all = @all[-16 .. -1] if @all > 16;

    return @all ? $self->haunt($rng->pick(@all), $done) : $done->();
}


# What is done with it: not pages alone.

sub haunt {
    my ($self, $session, $done) = @_;

    return $self->page($done, $session) if !$session->{dead};

    my $what = $session->{stage} eq 'password' ? 'again'
        : $session->{factor}
        ? $self->{rng}->weighted(page => 60, settings => 8, shown => 8,
                                 renew => 8, disable => 8, again => 8)
        : 'page';

    return $self->code($session, sub { $done->() }) if $what eq 'again';
    return $self->$what($done, $session);
}


1;
