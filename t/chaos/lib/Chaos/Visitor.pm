package Chaos::Visitor;

# One device of a user: it does one thing after another, with pauses, and asks
# now this node, now that one.  Several devices of one user share his phone, his
# backup codes and all his sessions, old ones too.  Chaos::Journeys has what it
# can do; here is how a request goes out and what its answer means.

use strict;
use warnings;

use Chaos::Journeys;

use Totp::Util;

our @ISA = qw(Chaos::Journeys);

my $JSON = [Accept => 'application/json'];


# user (name, phones), rng, loop, model, rig, nodes, cuts (how often it goes
# away in the middle), pause

sub new { my ($class, %o) = @_; return bless { pause => 2, %o }, $class }


sub start { my ($self) = @_;
    $self->{loop}->after($self->{rng}->between(0, $self->{pause}),
                         sub { $self->live });
    return }


# The end of each journey: the next one, or none when the day is over.

sub rest {
    my ($self) = @_;

    delete $self->{busy};
    $self->{loop}->after($self->{rng}->between(0.2, 2 * $self->{pause}),
                         sub { $self->live });

    return;
}


sub live {
    my ($self) = @_;

    return if $self->{over};

    $self->{busy} = 1;
    my $journey = $self->choose;
    $self->$journey(sub { $self->rest });

    return;
}


# One of the users' doings, by what the session is.

sub choose {
    my ($self) = @_;

    my $session = $self->{session};

    if (!$session) {
        return $self->{rng}->weighted(sign_in => 70, twice => 15,
                                      wrong_password => 4, ghost => 11);
    }

    if (!$session->{factor}) {
        return $self->{rng}->weighted(enable => 70, page => 15, ghost => 5,
                                      sign_out => 10);
    }

    return $self->{rng}->weighted(
        page => 34, ghost => 16, settings => 8, again => 6, renew => 8,
        disable => 5, enable => 5, sign_out => 7, everywhere => 3,
        sign_in => 4, twice => 4);
}


sub client {
    my ($self) = @_;

    return $self->{rig}->client(ip => $self->{user}{ip});
}


sub get { my ($self, $client, $page, $done, %o) = @_;
    return $self->ask($client, 'GET', $page, undef, $done, %o) }

sub post { my ($self, $client, $page, $form, $done, %o) = @_;
    return $self->ask($client, 'POST', $page,
                      { %$form, csrf => $client->{csrf} }, $done, %o) }


# node; steady: it does not go away

sub ask {
    my ($self, $client, $method, $page, $form, $done, %o) = @_;

    my $node = defined $o{node} ? $o{node} : $self->node;
    my $path = $page =~ m{\A/} ? $page : "$client->{portal}$page";

    $client->at($self->{rig}->node($node));

    my $began = now();
    my $bytes = $client->build($method, $path, headers => $JSON,
                               ($form ? (form => $form) : ()));

    $self->{loop}->request(
        port => $client->{port}, ip => $client->{ip}, bytes => $bytes,
        ($o{steady} ? () : (cut => scalar $self->cut(length $bytes))),
        done => sub {
            my ($r) = @_;
            $self->{model}->belongs($self->{user}{name}, $r->json->{user});
            $self->{model}->unavailable($node, $began, "$method $page")
                if $r->status >= 500;
            $done->($r);
        });

    return;
}


sub node { my ($self) = @_; return $self->{rng}->pick(@{ $self->{nodes} }) }


# The client goes away: before it has said all, at once after, or while the
# answer is made.

sub cut {
    my ($self, $length) = @_;

    my $rng = $self->{rng};

    return if !$rng->chance($self->{cuts});

    my $when = $rng->weighted(middle => 20, after => 80);
    my $cut = { reset => $rng->chance(0.5), after => $rng->number ** 4 };

    $cut->{bytes} = $rng->below($length - 1) if $when eq 'middle';

    return $cut;
}


# What an answer says about what was asked for.

sub outcome {
    my ($self, $r) = @_;

    return 'no' if $r->{how} eq 'none';
    return 'yes' if $r->status == 200;
    return 'no' if $r->status >= 400 && $r->status < 500 && $r->error ne '';

    return 'maybe';
}


sub begin {
    my ($self, $kind, %o) = @_;

    return $self->{model}->begin($self->{user}{name}, $kind, %o);
}


sub finish {
    my ($self, $op, $r, %o) = @_;

    return $self->{model}->finish($op, $self->outcome($r), word => $r->error,
                                  status => $r->status || $r->{why} || '', %o);
}


# A session that an answer brought, with the cookie and token of its own.

sub session {
    my ($self, $op, $client, %o) = @_;

    return $self->{model}->session($op, client => $client->clone, %o);
}


1;
