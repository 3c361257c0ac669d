package Bench::Growth;

# Table 4: what does not grow with revocations, users and workers.

use strict;
use warnings;

use Bench::Callgrind;
use Bench::Cpu;
use Bench::Http qw(enroll half storm);
use Bench::Load;
use Bench::Site;
use Bench::Table;
use Totp::Redis ();
use Totp::Util;


sub run {
    my ($site, $cookie, $quick) = @_;

    revocations($site, $cookie, $quick ? (0, 1000, 20_000)
                                       : (0, 1000, 100_000));
    users($site, $quick ? (100, 100_000) : (100, 1_000_000));
    workers($site, $cookie, $quick);

    return;
}


# Many commands in one go; the answers are only counted.

sub pipeline {
    my ($redis, $n, $command) = @_;

    my $sock = IO::Socket::UNIX->new(Peer => $redis->{socket})
        or die "redis: $!";
    my $done = 0;

    while ($done < $n) {
        my $batch = $n - $done < 2000 ? $n - $done : 2000;
        my $out = '';

        for my $i ($done .. $done + $batch - 1) {
            my @args = $command->($i);
            $out .= '*' . @args . "\r\n"
                  . join '', map { '$' . length($_) . "\r\n$_\r\n" } @args;
        }

        print {$sock} $out;
        $sock->flush;

        # one line an answer, or two where it is a string

        my ($seen, $buf) = (0, '');
        while ($seen < $batch) {
            sysread($sock, $buf, 65536, length $buf) or die "redis: closed\n";
            $seen++ while $buf =~ s/\A(?:[:+][^\r]*\r\n|\$\d+\r\n[^\r]*\r\n)//;
            die "redis: $buf\n" if $buf =~ /\A-/;
        }

        $done += $batch;
    }

    close $sock;

    return;
}


# n records of these fields.

sub fill {
    my ($redis, $n, $name, %fields) = @_;

    pipeline($redis, $n, sub { ('HSET', $name->($_[0]), %fields) });

    return;
}


sub revocations {
    my ($site, $cookie, @steps) = @_;

    my $redis = $site->rig->redis;
    my $raw = "GET /totp/tiny HTTP/1.1\r\nHost: localhost\r\n"
            . "Cookie: $cookie\r\n\r\n";
    my $load = sub { Bench::Load::requests($_[0], $_[1], $raw, 200) };
    my ($have, $first, @rows) = (0);

    for my $n (@steps) {
        say_progress("growth: $n revocations");

        pipeline($redis, $n - $have, sub {
            ('XADD', 'totp:revoked', '*', 'sid', random_hex(16),
             'until', int(now()) + 7200);
        });
        $have = $n;

        my $callgrind = Bench::Callgrind->new(site => $site,
            name => "revoked-$n", conf => $site->ours);
        wait_until(sub { eval { $load->($callgrind->port, 1); 1 } }, 300, 0.5)
            or die "with $n revocations: $@";
        my $count = $callgrind->count($load, 500);
        $callgrind->stop;

        $first = $count if !defined $first;
        push @rows, [$n, sprintf('%.0f', $count),
                     sprintf '%.3f', $count / $first];
    }

    $redis->cmd('DEL', 'totp:revoked');

    table('Table 4.  Growth: user instructions of a request with so many live '
          . 'revocations', ['revocations', 'instructions', 'ratio'], @rows);

    return;
}


# Two stores side by side, which take turns: what a processor does in a second
# differs by more than what is looked for.

sub users {
    my ($site, $few, $many) = @_;

    my @names = $site->users;
    my %store = (few => store($site, 'few', $few, splice @names, 0, 40),
                 many => store($site, 'many', $many, splice @names, 0, 40));

    my (%us, @ratio);

    for (1 .. 6) {
        my %now = map { ($_ => code_us($site, $store{$_})) } qw(few many);
        push @{ $us{$_} }, $now{$_} for keys %now;
        push @ratio, $now{many} / $now{few};
    }

    table('A code, us, with so many users in Redis', ['users', 'us', 'ratio'],
          [$few, sprintf('%.0f', median(@{ $us{few} })), '1.000'],
          [$many, sprintf('%.0f', median(@{ $us{many} })),
           sprintf '%.3f', median(@ratio)]);

    for my $s (values %store) {
        $s->{node}->quit;
        $s->{redis}->stop;
    }

    return;
}


# A Redis with so many users, an nginx that uses it, and those of them who are to
# sign in.

sub store {
    my ($site, $name, $n, @users) = @_;

    say_progress("growth: $n users");

    my $dir = $site->rig->dir . "/$name";
    mkdir $dir or die "$dir: $!";
    my $redis = Totp::Redis->new(dir => $dir)->start;
    Bench::Site::pin($redis->{pid});

    my %conf = %{ $site->ours };
    $conf{http} =~ s{redis/redis\.sock}{$name/redis/redis.sock}
        or die "no socket in the configuration\n";
    my $node = $site->ready($site->node("users-$name", %conf)->start);

    my @otp = map { enroll($site->client($node, ip => fresh_ip()), $_) }
              @users;
    my %f = @{ $redis->cmd('HGETALL', "totp:user:{default:$users[0]}") };

    fill($redis, $n - @users, sub { "totp:user:{default:other$_[0]}" }, %f);
    rest($redis->{pid});

    return { redis => $redis, node => $node, otp => \@otp };
}


# How long a code takes, one after the other.

sub code_us {
    my ($site, $s) = @_;

    my @raw = map { half($site->client($s->{node}, ip => fresh_ip()), $_) }
              @{ $s->{otp} };
    my ($took, %status) = storm($s->{node}->port, \@raw, 1);

    die "codes were refused: @{[ %status ]}\n"
        if ($status{200} || 0) != @raw;

    return $took / @raw * 1e6;
}


# Redis still has to do with what it was given: a table grows bit by bit.

sub rest {
    my ($pid) = @_;

    my $before = Bench::Cpu::process($pid);

    wait_until(sub {
        nap(1);
        my $now = Bench::Cpu::process($pid);
        my $ran = $now - $before;
        $before = $now;
        return $ran < 10e6;  # ns: a hundredth of the time
    }, 60, 0) or die "Redis does not come to rest\n";

    return;
}


sub workers {
    my ($site, $cookie, $quick) = @_;

    my @headers = (Cookie => $cookie);
    my (@rows, %us);

    my %node = map { ($_ => $site->ready($site->node("workers-$_",
                      %{ $site->ours }, workers => $_)->start)) } 1, 2;

    for my $round (0 .. ($quick ? 5 : 15)) {
        for my $n (1, 2) {
            my $ns = Bench::Cpu::measure($node{$n}, 'h1', '/totp/tiny',
                                         \@headers, $quick ? 2000 : 10_000);
            push @{ $us{$n} }, $ns / 1000 if $round;
        }
    }

    push @rows, [$_, sprintf('%.1f', median(@{ $us{$_} })),
                 sprintf '%.3f', median(@{ $us{$_} }) / median(@{ $us{1} })]
        for 1, 2;
    table('CPU of a request, us, by workers', ['workers', 'us', 'ratio'],
          @rows);

    $node{$_}->quit for 1, 2;

    return;
}


1;
