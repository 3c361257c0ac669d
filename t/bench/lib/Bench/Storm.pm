package Bench::Storm;

# Table 3: what everybody else feels while twenty clients sign in with bcrypt
# 10, one after the other without a pause, on one worker.

use strict;
use warnings;

use POSIX ();

use Bench::Http qw(storm);
use Bench::Site;
use Bench::Table;
use Bench::Variants;
use Totp::Client;
use Totp::Util;


sub run {
    my ($site, $quick) = @_;

    my $seconds = $quick ? 4 : 15;
    my $password = 'a password for the storm';
    my $hash = Bench::Variants::bcrypt($password, 10);
    my @rows;

    # ours

    my $rig = $site->rig;
    $rig->{lines}{storm} = $hash;
    $rig->{lines}{visitor} = '{PLAIN}a visitor';
    $rig->set_password(storm => $password);
    $rig->htpasswd;

    my $node = $site->ready($site->node('storm', %{ $site->ours })->start);
    my $visitor = $site->client($node);
    die "no session\n"
        if $visitor->login('visitor', 'a visitor')->stage ne 'full';

    my $client = $site->client($node);
    $client->page('login');
    my $login = $client->build('POST', '/2fa/login', keep => 1,
        headers => [Accept => 'application/json'],
        form => [[username => 'storm'], [password => $password],
                 [csrf => $client->{csrf}]]);
    my $optional = $visitor->cookie_header;

    push @rows, both($node, 'ours', $login, $seconds,
        protected => page('/open/tiny', Cookie => $optional),
        unprotected => page('/off/tiny'));
    $node->quit;

    # auth_basic

    my $file = spew("$site->{dir}/storm.htpasswd",
                    "storm:$hash\nvisitor:{PLAIN}secret\n", 0644);
    my $basic = $site->node('storm-basic', server =>
        $site->guarded('basic', "            auth_basic x;\n"
                       . "            auth_basic_user_file $file;")
        . $site->guarded('off', ''))->start;

    push @rows, both($basic, 'auth_basic',
        page('/basic/tiny', Authorization => 'Basic ' . b64("storm:$password")),
        $seconds,
        protected => page('/basic/tiny',
                          Authorization => 'Basic ' . b64('visitor:secret')),
        unprotected => page('/off/tiny'));
    $basic->quit;

    table('Table 3.  The storm: latency of a page in ms, at rest and while 20 '
          . 'clients sign in with bcrypt 10',
          ['', 'p50', 'p99', 'worst', 'p50 storm', 'p99 storm', 'worst storm',
           'p99 ratio', 'sign-ins/s'], @rows);

    return;
}


sub page {
    my ($path, %headers) = @_;

    return "GET $path HTTP/1.1\r\nHost: localhost\r\n"
         . join('', map { "$_: $headers{$_}\r\n" } sort keys %headers)
         . "\r\n";
}


sub both {
    my ($node, $name, $login, $seconds, %pages) = @_;

    say_progress("storm: $name");

    my %rest = probe($node->port, $seconds, %pages);

    pipe my $read, my $write or die "pipe: $!";
    my $pid = fork;
    die "fork: $!" unless defined $pid;

    if (!$pid) {
        my ($took, %status) = eval {
            storm($node->port, [$login], 20, seconds => 2 * $seconds + 1);
        };
        print {$write} $@ || ($status{200} || 0) / $took;
        close $write;
        POSIX::_exit(0);
    }

    close $write;
    nap(0.5);
    my %storm = probe($node->port, $seconds, %pages);
    my $rate = <$read>;
    waitpid $pid, 0;
    $rate = '-' if !defined $rate;
    chomp $rate;

    return map {
        my $page = $_;
        my ($r, $s) = ($rest{$page}, $storm{$page});
        ["$name, $page", (map { ms($_) } three(@$r), three(@$s)),
         sprintf('%.1f', percentile(99, @$s) / percentile(99, @$r)),
         $rate =~ /\A[0-9.]+\z/ ? sprintf '%.1f', $rate : $rate];
    } sort keys %pages;
}


sub three { my @v = @_; return map { percentile($_, @v) } 50, 99, 100 }

sub ms { return sprintf '%.2f', $_[0] * 1000 }


# A request every few ms, to one page and then to the other: the seconds that
# each took.  Who waits for the protected one would not see the other suffer.

sub probe {
    my ($port, $seconds, %pages) = @_;

    my %took;

    for my $page (sort keys %pages) {
        my $conn = Totp::Conn->new(port => $port);
        my $end = now() + $seconds;

        while (now() < $end) {
            my $start = now();
            $conn->send($pages{$page});
            my $status = $conn->response(timeout => 60)->status;
            push @{ $took{$page} }, now() - $start;
            die "$page: status $status\n" if $status != 200;
            nap(0.003);
        }
    }

    return %took;
}


1;
