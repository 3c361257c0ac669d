package Chaos::Run;

# A run: two nodes with two workers each, one Redis that keeps what it
# acknowledged, the visitors, the faults, and the calm at the end.

use strict;
use warnings;

use Chaos::Calm;
use Chaos::Faults;
use Chaos::Loop;
use Chaos::Model;
use Chaos::Outages;
use Chaos::Random;
use Chaos::Visitor;

use Totp::Test ();
use Totp::Util;

# Codes of two seconds: thirty would leave the visitors nothing to type.
my %PHONE = (period => 2, digits => 8, skew => 5);

# The application is nginx itself, with what it is told of the user.
my $SERVERS = <<'END';
    server {
        listen       127.0.0.1:%PORT_app%;
        server_name  app;
        access_log   off;
        default_type application/json;

        location / {
            return 200 '{"user":"$http_x_forwarded_user"}';
        }
    }
END

my $SERVER = <<'END';
        totp         on;
        totp_issuer  "Example Corp";

        location / {
            proxy_pass        http://127.0.0.1:%PORT_app%;
            proxy_set_header  X-Forwarded-User $totp_user;
        }

        location /2fa/ {
            totp_portal;
        }
END


# seconds, seed, users, devices (of each user), pace (of visitors and faults)

sub new {
    my ($class, %o) = @_;

    my $self = bless { devices => 2, pace => 1, nodes => [qw(a b)], %o },
                     $class;
    my $rng = Chaos::Random->new($self->{seed});
    my @names = map { sprintf 'user%03d', $_ } 1 .. $self->{users};
    my $phone = "totp_period $PHONE{period}s;\n    totp_digits $PHONE{digits};";

    $self->{rig} = Totp::Test->new(
        users => \@names, nodes => $self->{nodes}, skew => $PHONE{skew},
        redis => { appendonly => 'yes' },
        server => $SERVER, servers => $SERVERS,
        http => "totp_redis_connect_timeout 500ms;\n"
              . "    totp_redis_timeout 1s;\n"
              . "    totp_threads 2 max_queue=512;\n    $phone\n"
              . "    totp_attempts 20 2s;\n    totp_fresh 1m;",
        # a killed worker is what we do; it may have held the lock of the zone
        allow => [qr/exited on signal 9/, qr/was locked by/]);

    $self->{loop} = Chaos::Loop->new;
    $self->{outages} = Chaos::Outages->new;
    $self->{model} = Chaos::Model->new($self->{outages});
    $self->{faults} = Chaos::Faults->new(
        rng => $rng->child('faults'),
        map { ($_ => $self->{$_}) } qw(loop outages rig nodes pace));

    my $n = 0;
    for my $name (@names) {
        my $user = { name => $name, phones => [], secrets => {},
            rig_phone => \%PHONE,
            ip => sprintf('127.66.%d.%d', ++$n >> 8, $n & 255) };

        push @{ $self->{visitors} }, map {
            Chaos::Visitor->new(
                user => $user, rng => $rng->child("$name/$_"), cuts => 0.06,
                pause => 2 / $self->{pace},
                map { ($_ => $self->{$_}) } qw(loop model rig nodes))
        } 1 .. $self->{devices};
    }

    return $self;
}


sub rig { my ($self) = @_; return $self->{rig} }


sub run {
    my ($self) = @_;

    my ($loop, $faults) = @$self{qw(loop faults)};
    my $end = now() + $self->{seconds};

    $_->start for @{ $self->{visitors} };
    $faults->start;
    $loop->run(sub { now() > $end || $self->failed });

    $faults->stop;
    $_->{over} = 1 for @{ $self->{visitors} };
    $loop->run(sub { !$faults->busy
                     && !grep { $_->{busy} } @{ $self->{visitors} } });

    return if $self->failed;

    # requests of no known end are settled, and the nodes are back at Redis
    my $calm = now() + seconds(Chaos::Outages::MARGIN) + 5;
    $loop->run(sub { now() > $calm });

    my %one = map { ($_->{user}{name} => $_) } @{ $self->{visitors} };
    $self->{calm} = Chaos::Calm->new(
        visitors => [ map { $one{$_} } sort keys %one ],
        map { ($_ => $self->{$_}) } qw(loop model nodes));
    $self->{calm}->run;

    return;
}


sub failed { my ($self) = @_;
    return scalar @{ $self->{model}{violations} } }


# Keys that would stay in Redis for ever and should not: whatever was under way
# when a worker died has an end.

sub lasting {
    my ($self) = @_;

    my $redis = $self->{rig}->redis;

    return grep { !/\Atotp:(?:store|revoked)\z/ && !/\Atotp:(?:user|events):/
                  && $redis->cmd('TTL', $_) eq '-1' } $redis->keys;
}


# What is wrong, as text.

sub report {
    my ($self) = @_;

    my @out;

    for my $v (@{ $self->{model}{violations} }) {
        push @out, "seed $self->{seed}: $v->{rule}: $v->{user}: $v->{what}",
            map { "    $_" } @{ $v->{log} };
    }
    if (@out) {
        my @log = @{ $self->{faults}{log} };
        push @out, 'the last faults:',
            map { "    $_" } @log[(@log > 15 ? -15 : -@log) .. -1];
    }

    return @out;
}


sub counters {
    my ($self) = @_;

    my ($model, $faults, $loop) = @$self{qw(model faults loop)};
    my $c = $model->{count};
    my $sessions = 0;

    for my $user (values %{ $model->{users} }) {
        $sessions += grep { $_->{stage} eq 'full' } @{ $user->{sessions} };
    }

    my $list = sub { my ($h) = @_;
        return join ', ', map { "$_ $h->{$_}" } sort keys %$h };
    my %op = map { ($_ => $c->{$_}) } grep { $_ ne 'unknown' } keys %$c;

    return (
        "requests: $loop->{requests}, sign-ins: " . ($c->{'code yes'} || 0)
            . ", full sessions: $sessions, unknown outcomes: "
            . ($c->{unknown} || 0),
        'faults: ' . $list->($faults->{count}),
        'without an answer: ' . $list->($loop->{how}) . sprintf(
            '; the longest pause of the loop: %.1f s', $loop->{pause}),
        '503 with nothing wrong: ' . ($list->($model->{odd}) || 'none'),
        'what they did: ' . $list->(\%op),
        'in at the end: ' . ($self->{calm} ? $self->{calm}{in} : 0)
            . " of $self->{users}",
    );
}


1;
