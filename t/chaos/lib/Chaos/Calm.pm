package Chaos::Calm;

# When all is calm again: the settings are there, every user gets in (with a
# fresh code, with a backup code that the model knows as unused, or by enabling),
# whoever should be in is in at both nodes, and whoever should be out is out.

use strict;
use warnings;

use Totp::Util;


# loop, model, nodes; visitors: one of each user; patience: how long one user
# may take, as a lock may be on, or the window of codes used up

sub new { my ($class, %o) = @_;
    return bless { in => 0, left => 0, patience => 60, %o }, $class }


sub run {
    my ($self) = @_;

    my @waiting = @{ $self->{visitors} };
    my $next;

    $self->{left} = @waiting;
    $next = sub {
        my $visitor = shift @waiting or return;
        $self->visit($visitor, sub { $self->{left}--; $next->() });
    };
    $next->() for 1 .. 8;
    $self->{loop}->run(sub { !$self->{left} });

    return;
}


sub visit {
    my ($self, $visitor, $done) = @_;

    $visitor->{cuts} = 0;

    my $end = now() + seconds($self->{patience});

    return $self->settings($visitor, 5, sub {
        $self->enter($visitor, $end, sub {
            my ($session) = @_;

            $session ? $self->{in}++ : $self->lost($visitor);
            $self->look($visitor, $done);
        });
    });
}


# What chaos left of the record is looked at before a sign-in may mend it.

sub settings {
    my ($self, $visitor, $times, $done) = @_;

    my $session = $visitor->{session};
    return $done->() if !$session || !$session->{factor};

    return $visitor->settings(sub {
        my ($r) = @_;

        return $done->() if $r->status != 503;
        return $self->{loop}->after(1, sub {
            $self->settings($visitor, $times - 1, $done);
        }) if $times;

        $self->{model}->violation('unavailable',
            { user => $session->{user}, kind => 'calm', b => now() },
            'the settings, when all is calm');
        $done->();
    });
}


sub lost {
    my ($self, $visitor) = @_;

    my $user = $self->{model}->user($visitor->{user}{name});

    return $self->{model}->violation('lost user',
        { user => $user, kind => 'calm', b => now() },
        'neither a code nor a backup code lets in, nor can it be enabled');
}


sub again {
    my ($self, $visitor, $end, $done, $seconds) = @_;

    return $done->() if now() > $end;

    return $self->{loop}->after($seconds, sub {
        $self->enter($visitor, $end, $done);
    });
}


sub enter {
    my ($self, $visitor, $end, $done) = @_;

    return $visitor->password($visitor->client, undef, sub {
        my ($session) = @_;

        return $self->again($visitor, $end, $done, 0.5) if !$session;

        if ($session->{stage} eq 'password') {
            return $self->try($visitor, $session, [ $self->keys($visitor) ],
                              $end, $done);
        }

        $visitor->{session} = $session;
        $visitor->enable(sub {
            my $now = $visitor->{session};
            return $done->($now) if $now && $now->{factor};
            $self->again($visitor, $end, $done, 0.5);
        });
    });
}


# All that may open: the secret that is in force first, then the others that may
# be, then backup codes.

sub keys {
    my ($self, $visitor) = @_;

    my $model = $self->{model};
    my $user = $model->user($visitor->{user}{name});
    my ($sure, $maybe) = $model->unused_backup($user, now());
    my $known = $model->secret_in_force($user, now(), now());
    my @phones = reverse @{ $visitor->{user}{phones} };

    @phones = sort { ($b->{id} eq $known) <=> ($a->{id} eq $known) } @phones
        if defined $known;
    @phones = @phones[0 .. 9] if @phones > 10;

    return ((map { { phone => $_ } } @phones),
            (map { { backup => $_ } } @$sure, @$maybe));
}


sub try {
    my ($self, $visitor, $session, $keys, $end, $done) = @_;

    my $key = $keys->[0] or return $self->again($visitor, $end, $done, 2);
    my $what = { %$key };

    if ($key->{phone}) {
        $what->{step} = $key->{phone}->next_step;
        return $self->{loop}->after(0.5, sub {
            $self->try($visitor, $session, $keys, $end, $done);
        }) if !defined $what->{step};
    }

    return $visitor->code($session, sub {
        my ($full, $r) = @_;

        return $done->($full) if $full;

        # refused for good: the next key; anything else: once more
        if ($r && $r->error eq 'bad_code') {
            shift @$keys;
        } elsif (!$r || $r->error ne 'code_used') {
            return $self->again($visitor, $end, $done, 1);
        }
        return $self->try($visitor, $session, $keys, $end, $done);
    }, what => $what);
}


# The sessions of before, at both nodes; the model judges what is seen.

sub look {
    my ($self, $visitor, $done) = @_;

    my @all = grep { $_->{factor} }
              @{ $self->{model}->user($visitor->{user}{name})->{sessions} };

    @all = @all[-8 .. -1] if @all > 8;

    my @jobs = map { my $s = $_; map { [$s, $_] } @{ $self->{nodes} } } @all;
    my $next;

    $next = sub {
        my $job = shift @jobs or return $done->();
        $visitor->page($next, $job->[0], node => $job->[1]);
    };

    return $next->();
}


1;
